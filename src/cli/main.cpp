// The whorl command. Each sub-command is one file beside this one.
#include "cli/command.h"

#include <fmt/format.h>
#include <whorl/process/process_function.h>

#include <cstddef>
#include <exception>
#include <span>
#include <string>

namespace {

std::string path_of(const CLI::App& app) {
  std::string path = "whorl";
  for (auto chosen = app.get_subcommands(); !chosen.empty(); chosen = chosen.front()->get_subcommands()) {
    path += ' ' + chosen.front()->get_name();
  }
  return path;
}

// What to say of the first argument that should be a command and is none; empty: all are.
std::string unknown_command(const CLI::App& app, std::span<char*> arguments) {
  const CLI::App* at = &app;
  std::string path;
  for (const char* argument : arguments.subspan(1)) {
    if (argument[0] == '-' || at->get_require_subcommand_min() == 0) {
      break;
    }
    const auto known = at->get_subcommands([&](const CLI::App* command) { return command->check_name(argument); });
    if (known.empty()) {
      return fmt::format("there is no command \"{}{}\"\nTry: whorl {}--help", path, argument, path);
    }
    at = known.front();
    path += argument;
    path += ' ';
  }
  return "";
}

}  // namespace

int main(int argc, char** argv) {
  using namespace whorl::cli;
  whorl::run_worker_if_asked();
  CLI::App app("whorl: a calculation server that runs each job in the place where it belongs");
  app.set_version_flag("--version", WHORL_VERSION);
  app.require_subcommand(1);
  app.failure_message([](const CLI::App* failed, const CLI::Error& why) {
    return "whorl: " + std::string(why.what()) + "\nTry: " + path_of(*failed) + " --help\n";
  });
  int status = exit_done;
  add_serve(app, status);
  add_calcs(app, status);
  add_submit(app, status);
  add_jobs(app, status);
  add_demo(app, status);
  add_explain(app, status);
  add_facts(app, status);
  add_guard(app, status);
  if (const std::string unknown = unknown_command(app, {argv, static_cast<std::size_t>(argc)}); !unknown.empty()) {
    complain(unknown);
    return exit_usage;
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& why) {
    return app.exit(why) == 0 ? exit_done : exit_usage;
  } catch (const std::exception& why) {
    complain(why.what());
    return exit_failed;
  }
  return status;
}
