// whorl explain NAME...: where a function may run, why, under which condition, and on what evidence.
#include "cli/command.h"

#include <whorl/facts/verdict.h>
#include <whorl/jobs/explanation.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <memory>
#include <system_error>

namespace whorl::cli {

namespace {

struct options {
  std::vector<std::string> names;
  bool as_json = false;
};

// What is wrong with a name that is none; empty: nothing.
std::string judge_name(const std::string& name) {
  constexpr std::size_t longest = 4096;
  if (name.find_first_not_of(' ') == std::string::npos) {
    return "it is empty; give the name of a function, as strtok";
  }
  if (name.size() > longest) {
    return fmt::format("it has {} bytes; names of functions have fewer", name.size());
  }
  const bool is_text = std::ranges::all_of(name, [](char each) { return each >= ' ' && each <= '~'; });
  return is_text ? "" : "it has signs that no function's name has";
}

// "man 3 strfry" if that page is installed, else "".
std::string installed_page(const std::string& name) {
  constexpr std::array sections = {"2", "3", "3posix", "3ssl", "3curses", "3pm"};
  for (const std::string_view section : sections) {
    const std::string page = fmt::format("/usr/share/man/man{}/{}.{}", section.front(), name, section);
    std::error_code ignored;  // a name may be too long for a file's
    if (std::filesystem::exists(page, ignored) || std::filesystem::exists(page + ".gz", ignored)) {
      return fmt::format("man {} {}", section, name);
    }
  }
  return "";
}

// Names the page of a symbol that nothing is known of, where the verdict could only say that there may be one.
void look_for_page(facts::verdict& given) {
  if (given.found || given.look_at.empty() || !given.look_at.front().starts_with("man ")) {
    return;
  }
  const std::string page = installed_page(given.symbol);
  if (page.empty()) {
    given.look_at.erase(given.look_at.begin());
  } else {
    given.look_at.front() = page + ": its sections ATTRIBUTES and NOTES";
  }
}

void print_places(const facts::verdict& given) {
  for (const facts::place where : facts::every_place) {
    const facts::place_verdict& judged = given.at(where);
    const std::string_view between = judged.condition.empty() ? "" : "; ";  // "if X is given; it waits for Y"
    fmt::print("  {:<9} {:<8} {}{}{}\n", facts::name_of(where), facts::name_of(judged.may), judged.condition, between,
               judged.why);
  }
}

std::string blocking_of(const facts::fact& known) {
  const std::string_view argument = known.blocking_argument;
  return argument.empty() ? std::string(facts::name_of(known.blocking))
                          : fmt::format("{}[{}]", facts::name_of(known.blocking), argument);
}

void print_knowledge(const facts::verdict& given) {
  const facts::fact& threads = given.threads;
  const std::string_view platform = threads.platform.empty() ? given.blocking.platform : threads.platform;
  fmt::print("  class     blocking: {}; threads: {}{}{} ({})\n", blocking_of(given.blocking),
             facts::name_of(threads.threads), threads.reasons.empty() ? "" : ", ", fmt::join(threads.reasons, " "),
             platform);
  if (!given.effects.empty()) {
    fmt::print("  effects   {}\n", fmt::join(given.effects, ", "));
  }
  if (!given.on_loop.empty()) {
    fmt::print("  instead   on the loop: {}\n", given.on_loop);
  }
  if (!given.in_thread.empty()) {
    fmt::print("  instead   in a thread: {}\n", given.in_thread);
  }
  if (!given.disagreement.empty()) {
    fmt::print("  disagree  {}\n", given.disagreement);
  }
  for (const facts::evidence& seen : given.sources) {
    fmt::print("  evidence  {}: {}, {}, {}: {}\n", facts::name_of(seen.grade), seen.source, seen.version, seen.place,
               seen.says);
  }
}

void print(const facts::verdict& given) {
  const bool other_name = given.found && given.known_as != given.symbol;
  fmt::print("{}{}\n", given.symbol,
             !given.found ? "   not known"
             : other_name ? fmt::format("   (see {})", given.known_as)
                          : "");
  print_places(given);
  if (given.found) {
    print_knowledge(given);
  } else if (!given.candidates.empty()) {
    fmt::print("  similar   {}\n", fmt::join(given.candidates, ", "));
  }
  fmt::print("  certain   {}; look at {}\n", given.definitive ? "as far as documents go" : "no",
             fmt::join(given.look_at, "; "));
}

int explain(const options& asked) {
  int status = exit_done;
  value all{value::list()};
  const char* between = "";
  for (const std::string& name : asked.names) {
    facts::verdict given = facts::judge(name);
    look_for_page(given);
    if (asked.as_json) {
      all.append(to_value(given));
    } else {
      fmt::print("{}", between);
      print(given);
      between = "\n";
    }
    status = given.found ? status : exit_failed;
  }
  if (asked.as_json) {
    fmt::print("{}\n", to_text(all));
  }
  return status;
}

}  // namespace

void add_explain(CLI::App& app, int& status) {
  auto asked = std::make_shared<options>();
  CLI::App* command = app.add_subcommand(
      "explain", "Say where functions may run (loop, pool, lane, process, jobs), why, and on what evidence");
  command->add_option("name", asked->names, "strtok, std::filesystem::current_path, python:random.gauss ...")
      ->required()
      ->check(judge_name, "NAME");
  command->add_flag("--json", asked->as_json, "Print JSON: an array, one object a name");
  command->footer("Exit status: 0 all are known, 1 one is not, 2 wrong usage");
  command->callback([asked, &status] { status = explain(*asked); });
}

}  // namespace whorl::cli
