// Shows other threads whether a loop goes on: it counts whenever the loop begins a turn, goes to sleep in it, wakes, and
// ends it. The same count twice, while it does not rest, and the loop is still at what it was at.
//
// Thread: beats on the loop's; read on any.
// Cost:   a relaxed store, four times a turn.
#pragma once

#include <atomic>
#include <cstdint>

namespace whorl {

class heartbeat {
 public:
  std::uint64_t count() const noexcept { return count_.load(std::memory_order_relaxed); }
  static bool resting(std::uint64_t count) noexcept { return count % 2 == 0; }

  void works() noexcept { store((count() + 2) | 1U); }
  void rests() noexcept { store((count() | 1U) + 1); }

 private:
  void store(std::uint64_t count) noexcept { count_.store(count, std::memory_order_relaxed); }

  std::atomic<std::uint64_t> count_ = 0;
};

}  // namespace whorl
