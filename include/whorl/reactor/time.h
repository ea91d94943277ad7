// The time that loops and timers measure in: monotonic, in nanoseconds; the memory back end has its own, virtual.
#pragma once

#include <chrono>
#include <ctime>

namespace whorl {

using duration = std::chrono::nanoseconds;
using time_point = std::chrono::time_point<std::chrono::steady_clock, duration>;

// What std::chrono::steady_clock::now() says, without a call into the C++ library on the way.
inline time_point monotonic_now() noexcept {
  timespec read{};
  ::clock_gettime(CLOCK_MONOTONIC, &read);
  return time_point(std::chrono::seconds(read.tv_sec) + duration(read.tv_nsec));
}

// `delay` after `now`, and at the latest at the end of time (S48); a negative delay is none.
constexpr time_point due_after(time_point now, duration delay) noexcept {
  if (delay <= duration::zero()) {
    return now;
  }
  return delay > time_point::max() - now ? time_point::max() : now + delay;
}

}  // namespace whorl
