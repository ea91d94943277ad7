#include "places/stuck_call.h"

#include <fmt/format.h>
#include <whorl/deferred/log.h>
#include <whorl/guard/call_stack.h>
#include <whorl/guard/thread_look.h>

#include <chrono>

namespace whorl::detail {

namespace {

std::string seconds(duration took) { return fmt::format("{:.3f} s", std::chrono::duration<double>(took).count()); }

}  // namespace

void log_stuck_calls(const std::string& place, std::span<const stuck_call> which) noexcept {
  for (const stuck_call& each : which) {
    const thread_look seen = look_at(each.thread);
    log(log_level::warning, "a call does not come back",
        {{"place", place},
         {"function", each.function.describe()},
         {"runs_for", seconds(each.runs_for)},
         {"thread", fmt::format("{}", each.thread)},
         {"which", seen.describe()},
         {"asked_at", each.asked_at},
         {"stack", describe(resolve(seen.stack))}});
  }
}

void log_stuck_call_ended(const std::string& place, const called_function& function, duration took) noexcept {
  log(log_level::warning, "a call that did not come back has ended",
      {{"place", place}, {"function", function.describe()}, {"took", seconds(took)}});
}

}  // namespace whorl::detail
