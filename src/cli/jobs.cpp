#include "cli/api_client.h"
#include "cli/command.h"

#include <fmt/format.h>

#include <memory>

namespace whorl::cli {

namespace {

struct options {
  std::string server;
  std::string id;
  std::string cancel;
  std::string state;
  int limit = 50;
  bool as_json = false;
};

std::string job_number(const std::string& text) {
  const bool digits = !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
  return digits ? "" : "\"" + text + "\" is no job's number; whorl jobs lists them";
}

void print_line(const value& job) {
  std::string what = text_of(job, "error");
  if (what.empty()) {
    what = text_of(job, "note");
  }
  const std::string first_line = what.substr(0, what.find('\n'));
  fmt::print("{:>6}  {:<20} {:<9} {:>4.0f} %  {:>2}  {}  {}\n", text_of(job, "id"), text_of(job, "calc"),
             text_of(job, "state"), number_of(job, "progress") * 100, text_of(job, "attempts"), text_of(job, "created"),
             first_line);
}

void print_in_full(const value& job) {
  for (const auto& [name, content] : job.as_object()) {
    if (!content.is(value::kind::null)) {
      fmt::print("{:<17} {}\n", name, content.is(value::kind::text) ? content.as_text() : to_text(content));
    }
  }
}

deferred<void> show(reactor& loop, options wanted) {
  api_client server(loop, wanted.server);
  if (!wanted.cancel.empty()) {
    auto answer = co_await server.cancel(wanted.cancel);
    fmt::print("{}\n",
               wanted.as_json ? to_text(answer) : fmt::format("job {}: {}", wanted.cancel, text_of(answer, "state")));
    co_return;
  }
  if (!wanted.id.empty()) {
    auto job = co_await server.get("/jobs/" + wanted.id);
    if (wanted.as_json) {
      fmt::print("{}\n", to_text(job));
    } else {
      print_in_full(job);
    }
    co_return;
  }
  const std::string filter = wanted.state.empty() ? "" : "&state=" + wanted.state;
  auto page = co_await server.get(fmt::format("/jobs?limit={}{}", wanted.limit, filter));
  if (wanted.as_json) {
    fmt::print("{}\n", to_text(page));
    co_return;
  }
  const auto& jobs = page.find("jobs")->as_list();
  if (jobs.empty()) {
    fmt::print("no jobs; submit one with: whorl submit units.convert value=20 from=degC to=degF --wait\n");
  }
  for (const value& job : jobs) {
    print_line(job);
  }
}

}  // namespace

void add_jobs(CLI::App& app, int& status) {
  auto wanted = std::make_shared<options>();
  CLI::App* command = app.add_subcommand("jobs", "List jobs, the newest first; show one in full; cancel one");
  CLI::Option* id = command->add_option("ID", wanted->id, "Show this job in full")->check(job_number);
  CLI::Option* cancel =
      command->add_option("--cancel", wanted->cancel, "Cancel this job")->type_name("ID")->check(job_number);
  cancel->excludes(id);
  command->add_option("--state", wanted->state, "Only jobs in this state")
      ->check(CLI::IsMember({"queued", "running", "done", "failed", "cancelled"}));
  command->add_option("--limit", wanted->limit, "At most so many")->check(CLI::Range(1, 1000))->capture_default_str();
  add_server_option(*command, wanted->server);
  command->add_flag("--json", wanted->as_json, "Print JSON");
  command->callback([wanted, &status] { status = run_command(show, *wanted); });
}

}  // namespace whorl::cli
