#include "guard/state_watch.h"

#include <fmt/format.h>
#include <whorl/deferred/mutex.h>
#include <whorl/guard/blocking_call.h>
#include <whorl/guard/call_stack.h>
#include <whorl/guard/thread_look.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "guard/own_thread.h"
#include "guard/process_stack.h"
#include "guard/report.h"
#include "guard/stack_copy.h"
#include "guard/teller.h"

namespace whorl::detail {

namespace {

std::string describe_thread(pid_t thread) { return fmt::format("{} ({})", name_of_thread(thread), thread); }

// Those of the guard do not count: it starts and ends them as it likes.
std::vector<pid_t> other_threads() {
  std::vector<pid_t> others;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task", ignored)) {
    const std::string number = entry.path().filename();
    pid_t thread = 0;
    std::from_chars(number.data(), number.data() + number.size(), thread);
    if (thread != this_thread_number() && !is_own_thread(thread) && !name_of_thread(thread).empty()) {
      others.push_back(thread);
    }
  }
  std::ranges::sort(others);
  return others;
}

std::string describe_threads(const std::vector<pid_t>& threads) {
  constexpr std::size_t most = 4;
  std::string text;
  for (std::size_t i = 0; i < std::min(most, threads.size()); ++i) {
    text += fmt::format("{}{}", text.empty() ? "" : ", ", describe_thread(threads[i]));
  }
  return threads.size() > most ? fmt::format("{} and {} more", text, threads.size() - most) : text;
}

std::string_view meaning(std::string_view effect) {
  const auto& known = facts::process_effects();
  const auto found = std::ranges::find(known, effect, &facts::process_effect::name);
  return found == known.end() ? effect : found->changes;
}

bool is_first_time(const std::vector<std::uintptr_t>& stack) {
  static constinit mutex access;
  static auto& seen = *new std::set<std::vector<std::uintptr_t>>;
  const mutex_lock lock(access);
  return seen.insert(stack).second;
}

bool loop_starts_or_ends() noexcept { return watched_heart != nullptr && heartbeat::resting(watched_heart->count()); }

}  // namespace

void see_state_change(const state_change& change) {
  if (std::string_view(change.effect) == "sigaction" && loop_starts_or_ends()) {
    return;
  }
  const auto others = other_threads();
  if (others.empty()) {
    return;
  }
  if (!is_first_time(frames_of_caller(change.at))) {
    return;
  }
  tell_later([change, stack = unwind(stack_of_caller(change.at)), by = describe_thread(this_thread_number()),
              beside = describe_threads(others)] {
    const auto frames = resolve(stack);
    const std::string what = fmt::format("{} changed beside other threads", meaning(change.effect));
    report(log_level::warning, what,
           {{"call", change.function},
            {"at", place_in_program(frames)},
            {"thread", by},
            {"beside", beside},
            {"stack", describe(frames)}});
  });
}

}  // namespace whorl::detail
