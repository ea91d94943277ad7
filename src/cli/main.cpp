// The whorl command. Each sub-command is one file beside this one.
#include "cli/command.h"

#include <whorl/process/process_function.h>

#include <exception>
#include <string>

namespace {

// The first argument, if it should be a command and is none.
const char* unknown_command(const CLI::App& app, int argc, char** argv) {
  if (argc < 2 || argv[1][0] == '-') {
    return nullptr;
  }
  const auto known = app.get_subcommands([argv](const CLI::App* command) { return command->check_name(argv[1]); });
  return known.empty() ? argv[1] : nullptr;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace whorl::cli;
  whorl::run_worker_if_asked();
  CLI::App app("whorl: a calculation server that runs each job in the place where it belongs");
  app.set_version_flag("--version", WHORL_VERSION);
  app.require_subcommand(1);
  app.failure_message([](const CLI::App* failed, const CLI::Error& why) {
    const auto chosen = failed->get_subcommands();
    const std::string command = chosen.empty() ? "whorl" : "whorl " + chosen.front()->get_name();
    return "whorl: " + std::string(why.what()) + "\nTry: " + command + " --help\n";
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
  if (const char* unknown = unknown_command(app, argc, argv)) {
    complain("there is no command \"" + std::string(unknown) + "\"\nTry: whorl --help");
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
