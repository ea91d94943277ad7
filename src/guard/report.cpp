#include "guard/report.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>
#include <whorl/reactor/unique_fd.h>

#include <cerrno>
#include <cstdlib>
#include <string>

#include "guard/own_thread.h"

namespace whorl::detail {

namespace {

// Read before main, and so before other threads may change the environment.
const std::string& file_of_reports() {
  static const std::string path = [] {
    const char* named = std::getenv("WHORL_GUARD_REPORTS");  // NOLINT(concurrency-mt-unsafe): before main
    return std::string(named == nullptr ? "" : named);
  }();
  return path;
}

[[maybe_unused]] const bool was_read = (file_of_reports(), true);

// With one write, so that lines of several programs do not mix.
void add_to_file(const std::string& line) {
  const unique_fd file(::open(file_of_reports().c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  if (!file || ::write(file.get(), line.data(), line.size()) < 0) {
    log_of_guard(log_level::error, "the guard's file of reports cannot be written", {{"file", file_of_reports()}});
  }
}

}  // namespace

void log_of_guard(log_level level, std::string_view what, std::initializer_list<log_field> fields) {
  if (!has_own_descriptors()) {
    log(level, what, fields);
    return;
  }
  const standard_error_of_program borrowed;
  log_to_standard_error(level, what, fields);
}

void report(log_level level, std::string_view what, std::initializer_list<log_field> fields) {
  log_of_guard(level, what, fields);
  if (!file_of_reports().empty()) {
    add_to_file(fmt::format("{} ({}): {}\n", program_invocation_short_name, ::getpid(), log_line(level, what, fields)));
  }
}

}  // namespace whorl::detail
