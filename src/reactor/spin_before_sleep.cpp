#include <sched.h>
#include <whorl/reactor/spin_before_sleep.h>

#include <atomic>
#include <cstdlib>
#include <thread>

namespace whorl {

namespace {

// The CPUs that the process may use, not those that the machine has.
std::int64_t longest_by_itself() noexcept {
  constexpr duration longest = std::chrono::microseconds(50);
  if (const char* microseconds = std::getenv("WHORL_SPIN_US"); microseconds != nullptr) {
    return duration(std::chrono::microseconds(std::atoi(microseconds))).count();
  }
  cpu_set_t usable;
  CPU_ZERO(&usable);
  const bool several = ::sched_getaffinity(0, sizeof usable, &usable) == 0 && CPU_COUNT(&usable) > 1;
  return several ? longest.count() : 0;
}

std::atomic<std::int64_t>& longest() noexcept {
  static std::atomic<std::int64_t> nanoseconds = longest_by_itself();
  return nanoseconds;
}

}  // namespace

bool core_is_free() noexcept {
  constexpr duration soon = std::chrono::microseconds(10);  // a yield that changes nothing takes less than one
  const auto before = std::chrono::steady_clock::now();
  std::this_thread::yield();
  return std::chrono::steady_clock::now() - before < soon;
}

duration longest_spin() noexcept { return duration(longest().load(std::memory_order_relaxed)); }

void set_longest_spin(duration longest_now) noexcept { longest().store(longest_now.count()); }

}  // namespace whorl
