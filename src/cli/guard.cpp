// whorl guard -- PROGRAM ARGS...: runs any event-driven program and tells what holds its loops up.
#include "cli/command.h"
#include "cli/guard_report.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <cerrno>
#include <charconv>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <string_view>

namespace whorl::cli {

namespace {

struct options {
  program_to_watch program;
  std::string threshold = "50ms";
  std::string format = "text";
  std::string output;
  std::string page;
  std::string folded;
};

// Zero: it is none.
duration time_in(const std::string& text) {
  double number = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view unit(end, text.data() + text.size());
  const double time = number * (unit == "ms" ? 1e6 : unit == "s" ? 1e9 : 0);
  const bool fits = failure == std::errc() && time >= 1e6 && time <= 3.6e12;
  return fits ? duration(static_cast<std::int64_t>(time)) : duration::zero();
}

std::string judge_time(const std::string& text) {
  return time_in(text) != duration::zero() ? ""
                                           : fmt::format("{} is no time from 1ms to 3600s; write 50ms or 0.2s", text);
}

// Beside the program that runs, or where it is installed.
std::string library() {
  const auto folder = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  for (const char* below : {"", WHORL_LIBRARY_FOLDER}) {
    const auto file = (folder / below / "libwhorl_guard.so").lexically_normal();
    if (std::filesystem::exists(file)) {
      return file;
    }
  }
  throw error(errc::not_found,
              fmt::format("there is no libwhorl_guard.so beside {} or in {}: build the target whorl_guard (builds with "
                          "sanitizers have none), or install whorl again",
                          folder.string(), (folder / WHORL_LIBRARY_FOLDER).lexically_normal().string()));
}

std::ofstream open_file(const std::string& path) {
  std::ofstream file;
  if (!path.empty()) {
    file.open(path);
    if (!file) {
      throw error::system(errno, fmt::format("write \"{}\"", path), "name a file that can be written");
    }
  }
  return file;
}

// As the program ended, so do we.
int end_like(const program_outcome& outcome) {
  if (WIFSIGNALED(outcome.wait_status)) {
    const rlimit no_core{.rlim_cur = 0, .rlim_max = 0};
    ::setrlimit(RLIMIT_CORE, &no_core);
    std::signal(WTERMSIG(outcome.wait_status), SIG_DFL);
    std::raise(WTERMSIG(outcome.wait_status));
  }
  return WEXITSTATUS(outcome.wait_status);
}

std::string command_line(const program_to_watch& program) {
  std::string text;
  for (const std::string& each : program.command) {
    text += text.empty() ? each : ' ' + each;
  }
  return text;
}

int guard(options& asked) {
  constexpr int cannot_be_run = 127;  // as shells say it
  asked.program.limit = time_in(asked.threshold);
  asked.program.library = library();
  std::ofstream file = open_file(asked.output);
  std::ofstream page = open_file(asked.page);
  std::ofstream folded = open_file(asked.folded);
  std::ostream& out = asked.output.empty() ? std::cerr : file;
  const auto report = asked.format == "json" ? json_report(out) : text_report(out);
  const auto outcome = watch_program(asked.program, *report);
  if (!outcome) {
    complain(outcome.error().what());
    return cannot_be_run;
  }
  report->ended(*outcome);
  if (!asked.page.empty()) {
    write_page(page, command_line(asked.program), *outcome);
  }
  if (!asked.folded.empty()) {
    write_folded(folded, *outcome);
  }
  file.close();
  page.close();
  folded.close();
  return end_like(*outcome);
}

}  // namespace

void add_guard(CLI::App& app, int& status) {
  auto asked = std::make_shared<options>();
  CLI::App* command =
      app.add_subcommand("guard", "Run any event-driven program and say what holds its loops up, while it does");
  command->add_option("--threshold", asked->threshold, "How long a turn of a loop may take: 50ms, 0.2s")
      ->check(judge_time, "TIME")
      ->capture_default_str();
  command->add_option("--policy", asked->program.on_stall, "report, or abort the program at the first stall")
      ->transform(CLI::CheckedTransformer(std::map<std::string, program_to_watch::policy>{
          {"report", program_to_watch::policy::report}, {"abort", program_to_watch::policy::abort}}))
      ->default_str("report");
  command->add_option("--format", asked->format, "text, or json: one object a line")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
  command->add_option("--output", asked->output, "The file to report to [standard error]");
  command->add_option("--html", asked->page, "A file for a page to look at, written when the program has ended");
  command->add_option("--folded", asked->folded, "A file for folded stacks, from which flame graphs are made");
  command->add_option("program", asked->program.command, "The program and its arguments, after --")->required();
  command->footer(
      "Exit status: the program's; 127 where it cannot be run, 2 wrong usage.\n"
      "Children that the program forks are watched too, programs that these execute are not.");
  command->callback([asked, &status] { status = guard(*asked); });
}

}  // namespace whorl::cli
