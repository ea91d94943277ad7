#include "cli/api_client.h"
#include "cli/command.h"

#include <fmt/format.h>

#include <memory>

namespace whorl::cli {

namespace {

struct options {
  std::string server;
  bool as_json = false;
};

void print_places(const value& calc) {
  for (const value& place : calc.find("places")->as_list()) {
    fmt::print("  runs in   {:<5} {}\n", text_of(place, "place"), text_of(place, "reason"));
  }
}

void print_parameters(const value& calc) {
  for (const value& parameter : calc.find("parameters")->as_list()) {
    const value* otherwise = parameter.find("default");
    const std::string need = otherwise == nullptr ? "required" : "default " + to_text(*otherwise);
    fmt::print("  {:<9} {:<9} {} ({})\n", text_of(parameter, "name"), text_of(parameter, "kind"),
               text_of(parameter, "summary"), need);
  }
}

deferred<void> show(reactor& loop, options wanted) {
  api_client server(loop, wanted.server);
  auto offered = co_await server.get("/calcs");
  if (wanted.as_json) {
    fmt::print("{}\n", to_text(offered));
    co_return;
  }
  const char* between = "";
  for (const value& calc : offered.find("calcs")->as_list()) {
    fmt::print("{}{}  {}\n", between, text_of(calc, "name"), text_of(calc, "summary"));
    print_places(calc);
    print_parameters(calc);
    between = "\n";
  }
}

}  // namespace

void add_calcs(CLI::App& app, int& status) {
  auto wanted = std::make_shared<options>();
  CLI::App* command = app.add_subcommand(
      "calcs", "List the calculations a server offers, their arguments, and where each runs and why");
  add_server_option(*command, wanted->server);
  command->add_flag("--json", wanted->as_json, "Print JSON");
  command->callback([wanted, &status] { status = run_command(show, *wanted); });
}

}  // namespace whorl::cli
