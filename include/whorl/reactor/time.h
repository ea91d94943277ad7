// The time that loops and timers measure in: monotonic, in nanoseconds; the memory back end has its own, virtual.
#pragma once

#include <chrono>

namespace whorl {

using duration = std::chrono::nanoseconds;
using time_point = std::chrono::time_point<std::chrono::steady_clock, duration>;

// `delay` after `now`, and at the latest at the end of time (S48); a negative delay is none.
constexpr time_point due_after(time_point now, duration delay) noexcept {
  if (delay <= duration::zero()) {
    return now;
  }
  return delay > time_point::max() - now ? time_point::max() : now + delay;
}

}  // namespace whorl
