#include "cli/command.h"

#include <fmt/format.h>

#include <cstdio>

namespace whorl::cli {

void add_server_option(CLI::App& command, std::string& server) {
  server = default_server;
  command.add_option("--server", server, "The server to ask")->envname("WHORL_SERVER")->capture_default_str();
}

void complain(std::string_view what) { fmt::print(stderr, "whorl: {}\n", what); }

std::string text_of(const value& object, std::string_view name) {
  const value* member = object.find(name);
  if (member == nullptr || member->is(value::kind::null)) {
    return "";
  }
  return member->is(value::kind::text) ? member->as_text() : to_text(*member);
}

double number_of(const value& object, std::string_view name) {
  const value* member = object.find(name);
  return member != nullptr && member->is_number() ? member->as_number() : 0;
}

std::string in_words(std::chrono::duration<double> time) {
  const double seconds = time.count();
  if (seconds < 1) {
    return fmt::format("{:.1f} ms", seconds * 1000);
  }
  if (seconds < 60) {
    return fmt::format("{:.1f} s", seconds);
  }
  return fmt::format("{} min {} s", static_cast<int>(seconds) / 60, static_cast<int>(seconds) % 60);
}

}  // namespace whorl::cli
