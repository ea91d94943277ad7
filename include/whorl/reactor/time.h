// The time that loops and timers measure in: monotonic, in nanoseconds; the memory back end has its own, virtual.
#pragma once

#include <chrono>

namespace whorl {

using duration = std::chrono::nanoseconds;
using time_point = std::chrono::time_point<std::chrono::steady_clock, duration>;

}  // namespace whorl
