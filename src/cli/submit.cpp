#include "cli/api_client.h"
#include "cli/command.h"
#include "cli/progress_bar.h"

#include <fmt/format.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

namespace whorl::cli {

namespace {

struct options {
  std::string server;
  std::string calc;
  std::vector<std::string> arguments;
  std::string input;
  std::string output;
  bool wait = false;
  bool as_json = false;
};

// NAME=VALUE: the value is JSON if it can be read as such, else the text that it is.
value arguments_of(const options& wanted) {
  value arguments{value::object()};
  for (const std::string& pair : wanted.arguments) {
    const std::size_t equals = pair.find('=');
    if (equals == std::string::npos || equals == 0) {
      throw CLI::ValidationError("NAME=VALUE", fmt::format("\"{}\" has no name and value; write from=degC", pair));
    }
    const std::string text = pair.substr(equals + 1);
    auto parsed = parse_value(text);
    arguments.set(pair.substr(0, equals), parsed ? std::move(*parsed) : value(text));
  }
  if (!wanted.input.empty()) {
    value file;
    file.set("file", std::filesystem::absolute(wanted.input).lexically_normal().string());
    arguments.set("input", std::move(file));
  }
  return arguments;
}

void print_result(const value& job, const options& wanted) {
  if (wanted.as_json) {
    fmt::print("{}\n", to_text(job));
  } else if (!wanted.output.empty()) {
    fmt::print("{}\n", wanted.output);
  } else if (const value* answer = job.find("result"); answer != nullptr) {
    fmt::print("{}\n", to_text(*answer));
  }
}

deferred<int> wait_and_show(api_client& server, std::string id, std::shared_ptr<const options> wanted) {
  auto bar = std::make_shared<progress_bar>();
  std::function<void(const value&)> draw = [bar, calc = wanted->calc](const value& job) {
    bar->draw(calc + " " + text_of(job, "state"), number_of(job, "progress"), text_of(job, "note"));
  };
  auto ended = co_await server.wait_for(id, std::move(draw));
  bar.reset();
  if (text_of(ended, "state") != "done") {
    complain(fmt::format("job {} has {}: {}", id, text_of(ended, "state") == "failed" ? "failed" : "been cancelled",
                         text_of(ended, "error")));
    co_return exit_failed;
  }
  if (!wanted->output.empty()) {
    co_await server.save_result(id, wanted->output);
  }
  print_result(ended, *wanted);
  co_return exit_done;
}

deferred<int> submit(reactor& loop, std::shared_ptr<const options> wanted, value arguments) {
  api_client server(loop, wanted->server);
  auto accepted = co_await server.submit(wanted->calc, std::move(arguments));
  const std::string id = text_of(accepted, "id");
  if (!wanted->wait) {
    fmt::print("{}\n", wanted->as_json ? to_text(accepted) : id);
    co_return exit_done;
  }
  co_return co_await wait_and_show(server, id, std::move(wanted));
}

}  // namespace

void add_submit(CLI::App& app, int& status) {
  auto wanted = std::make_shared<options>();
  CLI::App* command = app.add_subcommand("submit", "Submit one job; prints its id, or with --wait its result");
  command->add_option("CALC", wanted->calc, "The calculation; whorl calcs lists them")->required();
  command->add_option("ARGUMENTS", wanted->arguments, "Its arguments; a value is JSON, or plain text")
      ->type_name("NAME=VALUE");
  command
      ->add_option("--input", wanted->input, "A file for the calculation's input; the server must be able to read it")
      ->check(CLI::ExistingFile);
  command->add_option("--output", wanted->output, "Write the result to this file; implies --wait");
  command->add_flag("--wait", wanted->wait, "Wait for the result, with a progress bar on a terminal");
  add_server_option(*command, wanted->server);
  command->add_flag("--json", wanted->as_json, "Print JSON");
  command->callback([wanted, &status] {
    wanted->wait = wanted->wait || !wanted->output.empty();
    status = run_command(submit, std::shared_ptr<const options>(wanted), arguments_of(*wanted));
  });
}

}  // namespace whorl::cli
