#include <whorl/facts/fact.h>

#include "facts/fact_names.h"

#include <algorithm>

namespace whorl::facts {

evidence_grade fact::best_grade() const noexcept {
  const auto best = std::ranges::max_element(sources, {}, &evidence::grade);
  return best == sources.end() ? evidence_grade::guessed : best->grade;
}

bool fact::is_of_a_standard() const noexcept { return platform.starts_with("POSIX"); }

bool fact::is_of_another_library() const noexcept {
#ifdef __GLIBC__
  return platform.starts_with("musl");
#else
  return platform.starts_with("glibc");
#endif
}

const std::vector<process_effect>& process_effects() {
  static const std::vector<process_effect> known = {
      {"creds", "the user or group", true},
      {"cwd", "the working directory", true},
      {"env", "the environment", true},
      {"exit", "whether the process lives", true},
      {"fds", "the table of descriptors", false},
      {"fork", "the number of processes", false},
      {"handlers", "hooks that run later", false},
      {"init", "the initial state of a library", true},
      {"interpreter", "settings of the interpreter that all threads share", true},
      {"locale", "the locale", true},
      {"memory", "the memory map", false},
      {"priority", "scheduling", false},
      {"random", "the state of a random generator that all threads share", false},
      {"rlimit", "resource limits", true},
      {"sigaction", "what signals do", true},
      {"sigmask", "the calling thread's signal mask", false},
      {"terminal", "the terminal's settings", true},
      {"timers", "timers that the process has one of", true},
      {"tz", "the time zone", true},
      {"umask", "the mask of permissions of new files", true},
  };
  return known;
}

std::string_view name_of(blocking_class waits) noexcept { return blocking_names.at(static_cast<std::size_t>(waits)); }
std::string_view name_of(thread_class level) noexcept { return thread_names.at(static_cast<std::size_t>(level)); }
std::string_view name_of(evidence_grade grade) noexcept { return grade_names.at(static_cast<std::size_t>(grade)); }

}  // namespace whorl::facts
