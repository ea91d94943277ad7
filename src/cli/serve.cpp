#include "cli/command.h"

#include <whorl/deferred/log.h>
#include <whorl/guard/stall_watch.h>
#include <whorl/jobs/calcs.h>
#include <whorl/jobs/job_server.h>

#include <fmt/format.h>

#include <cstdio>
#include <memory>

namespace whorl::cli {

namespace {

deferred<void> serve(reactor& loop, std::shared_ptr<const job_server_options> options) {
  const stall_watch guard(loop);
  job_server server(loop, standard_calcs(), *options);
  co_await server.start();
  auto stopping = loop.before_shutdown([&server] { return server.stop(); });
  fmt::print("whorl serves at {}  (back end {}, jobs in {}); stop it with Ctrl-C\n", server.url(), loop.io().name(),
             options->store.string());
  std::fflush(stdout);
  promise<void> for_ever;
  co_await for_ever.get_deferred();
}

}  // namespace

void add_serve(CLI::App& app, int& status) {
  auto options = std::make_shared<job_server_options>();
  CLI::App* command = app.add_subcommand("serve", "Run the calculation server, until SIGINT or SIGTERM");
  command->add_option("--listen", options->listen, "Where: tcp:HOST:PORT, tcp:PORT (every interface), unix:PATH")
      ->capture_default_str();
  command->add_option("--store", options->store, "The file that keeps the jobs; results lie beside it")
      ->capture_default_str();
  command->add_option("--threads", options->threads, "Threads of the pool; 0: one a core")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  command->add_option("--files", options->input_roots,
                      "A directory that jobs may read files from (repeatable) [the working directory]");
  command->callback(
      [options, &status] { status = run_command(serve, std::shared_ptr<const job_server_options>(options)); });
}

}  // namespace whorl::cli
