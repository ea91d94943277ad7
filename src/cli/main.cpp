// The whorl command. Each sub-command is one file beside this one.
#include "cli/command.h"

#include <exception>

int main(int argc, char** argv) {
  using namespace whorl::cli;
  CLI::App app("whorl: a calculation server that runs each job in the place where it belongs");
  app.set_version_flag("--version", WHORL_VERSION);
  app.require_subcommand(1);
  app.failure_message([](const CLI::App* failed, const CLI::Error& why) {
    return "whorl: " + std::string(why.what()) + "\nTry: " + failed->get_display_name() + " --help\n";
  });
  int status = exit_done;
  add_serve(app, status);
  add_calcs(app, status);
  add_submit(app, status);
  add_jobs(app, status);
  add_demo(app, status);
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
