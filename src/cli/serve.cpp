#include "cli/command.h"

#include <whorl/deferred/log.h>
#include <whorl/guard/stall_watch.h>
#include <whorl/jobs/calcs.h>
#include <whorl/jobs/job_server.h>

#include <fmt/format.h>

#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace whorl::cli {

namespace {

struct options {
  job_server_options server;
  place_kind units = place_kind::lane;
  std::vector<std::string> allowed;  // NAME=PATH
};

// Each with an absolute path; see exec_programs.
void allow_programs(job_server_options& server, const std::vector<std::string>& allowed) {
  for (const std::string& each : allowed) {
    const std::size_t divide = each.find('=');
    if (divide == 0 || divide == std::string::npos) {
      throw error(errc::bad_input,
                  fmt::format("--allow {}: this is not NAME=PATH; write --allow sort=/usr/bin/sort", each));
    }
    server.programs.paths.insert_or_assign(each.substr(0, divide), each.substr(divide + 1));
  }
}

deferred<void> serve(reactor& loop, std::shared_ptr<const options> wanted) {
  job_server_options serving = wanted->server;
  serving.guard = std::make_shared<const stall_watch>(loop);
  allow_programs(serving, wanted->allowed);
  serving.processes.started_ahead = wanted->units == place_kind::process ? 1 : 0;
  job_server server(loop, standard_calcs(wanted->units), serving);
  co_await server.start();
  auto stopping = loop.before_shutdown([&server] { return server.stop(); });
  fmt::print("whorl serves at {}  (back end {}, jobs in {}); stop it with Ctrl-C\n", server.url(), loop.io().name(),
             serving.store.string());
  std::fflush(stdout);
  promise<void> for_ever;
  co_await for_ever.get_deferred();
}

}  // namespace

void add_serve(CLI::App& app, int& status) {
  auto wanted = std::make_shared<options>();
  job_server_options& server = wanted->server;
  CLI::App* command = app.add_subcommand("serve", "Run the calculation server, until SIGINT or SIGTERM");
  command->add_option("--listen", server.listen, "Where: tcp:HOST:PORT, tcp:PORT (every interface), unix:PATH")
      ->capture_default_str();
  command->add_option("--store", server.store, "The file that keeps the jobs; results lie beside it")
      ->capture_default_str();
  command->add_option("--threads", server.threads, "Threads of the pool; 0: one a core")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  command->add_option("--files", server.input_roots,
                      "A directory that jobs may read files from (repeatable) [the working directory]");
  command->add_option("--units", wanted->units, "Where units.convert runs: lane, pool or process")
      ->transform(CLI::CheckedTransformer(
          std::map<std::string, place_kind>{
              {"lane", place_kind::lane}, {"pool", place_kind::pool}, {"process", place_kind::process}},
          CLI::ignore_case))
      ->default_str("lane");
  command->add_option("--processes", server.processes.most_workers, "Worker processes, at most")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  command->add_option("--allow", wanted->allowed, "NAME=PATH: a program that exec.run may run (repeatable) [none]");
  command->callback([wanted, &status] { status = run_command(serve, std::shared_ptr<const options>(wanted)); });
}

}  // namespace whorl::cli
