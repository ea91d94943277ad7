// whorl guard -- PROGRAM ARGS...: runs any event-driven program and tells what holds its loops up.
#include "cli/command.h"
#include "cli/guard_report.h"
#include "cli/report_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <charconv>
#include <csignal>
#include <filesystem>
#include <iostream>
#include <memory>
#include <string>
#include <string_view>

namespace whorl::cli {

namespace {

struct options {
  program_to_watch program;
  std::string threshold = "50ms";
  std::string policy = "report";
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

// Null: it was not asked for.
std::unique_ptr<report_file> open_file(const std::string& path) {
  return path.empty() ? nullptr : std::make_unique<report_file>(path);
}

// Who starts us may have closed standard error and the like: what we open must not get their numbers. The program will find
// them closed, as it would without us.
void keep_standard_numbers() {
  for (const int number : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(number, F_GETFD) < 0) {
      const int made = ::open("/dev/null", O_RDWR | O_CLOEXEC);
      if (made >= 0 && made != number) {
        ::dup3(made, number, O_CLOEXEC);
        ::close(made);
      }
    }
  }
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

struct report_files {
  std::unique_ptr<report_file> output;
  std::unique_ptr<report_file> page;
  std::unique_ptr<report_file> folded;
};

void write_files(const report_files& files, const options& asked, const program_outcome& outcome) {
  if (files.page) {
    write_page(files.page->out(), command_line(asked.program), outcome);
  }
  if (files.folded) {
    write_folded(files.folded->out(), outcome);
  }
  for (const auto& each : {&files.output, &files.page, &files.folded}) {
    try {
      if (*each) {
        (*each)->finish();
      }
    } catch (const error& why) {
      complain(why.what());  // the exit status is the program's
    }
  }
}

int guard(options& asked) {
  constexpr int cannot_be_run = 127;  // as shells say it
  if (asked.program.command.front().starts_with('-')) {
    complain(fmt::format("guard has no option {}; the program to run follows after --\nTry: whorl guard --help",
                         asked.program.command.front()));
    return exit_usage;
  }
  keep_standard_numbers();
  asked.program.limit = time_in(asked.threshold);
  asked.program.on_stall = asked.policy == "abort" ? program_to_watch::policy::abort : program_to_watch::policy::report;
  asked.program.library = library();
  const report_files files{
      .output = open_file(asked.output), .page = open_file(asked.page), .folded = open_file(asked.folded)};
  std::ostream& out = files.output ? files.output->out() : std::cerr;
  const auto report = asked.format == "json" ? json_report(out) : text_report(out);
  const auto outcome = watch_program(asked.program, *report);
  if (!outcome) {
    complain(outcome.error().what());
    return cannot_be_run;
  }
  report->ended(*outcome);
  write_files(files, asked, *outcome);
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
  command->add_option("--policy", asked->policy, "report, or abort: end the program at the first stall")
      ->check(CLI::IsMember({"report", "abort"}))
      ->capture_default_str();
  command->add_option("--format", asked->format, "text, or json: one object a line")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
  command->add_option("--output", asked->output, "The file to report to [standard error]");
  command->add_option("--html", asked->page, "A file for a page to look at, written when the program has ended");
  command->add_option("--folded", asked->folded, "A file for folded stacks, from which flame graphs are made");
  command->add_option("program", asked->program.command, "The program and its arguments, after --")->required();
  command->positionals_at_end();  // and what follows is the program's, even without --
  command->footer(
      "Exit status: the program's; 127 where it cannot be run, 2 wrong usage.\n"
      "Children that the program forks are watched too, programs that these execute are not.");
  command->callback([asked, &status] { status = guard(*asked); });
}

}  // namespace whorl::cli
