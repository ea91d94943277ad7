// Shows other threads whether a loop goes on, and what it runs.
//
// It counts whenever the loop begins a turn, goes to sleep in it, wakes, and ends it: the same count twice, while it does
// not rest, and the loop is still in the same turn. And it counts callbacks: the same count twice, and it is in the same.
//
// Thread: beats on the loop's; read on any, where each part is as new as may be, and the parts need not belong together.
// Cost:   relaxed stores into one cache line: four times a turn, and six for a callback.
#pragma once

#include <atomic>
#include <cstdint>
#include <source_location>
#include <string>
#include <typeinfo>

namespace whorl {

// What a loop runs. Only what lives as long as the program is pointed to.
struct callback_name {
  const char* what = nullptr;          // "a timed call"; null: nothing of anybody's
  std::source_location at;             // where it was scheduled or posted; line 0: not known
  const std::type_info* of = nullptr;  // whose event it is, such as a protocol's; null: not known

  // "a timed call from void serve(reactor &) (server.cpp:31)", "an event of echo"
  std::string describe() const;
  bool operator==(const callback_name& other) const noexcept;
};

class heartbeat {
 public:
  std::uint64_t count() const noexcept { return count_.load(std::memory_order_relaxed); }
  static bool resting(std::uint64_t count) noexcept { return count % 2 == 0; }

  // How many callbacks have begun, the one that runs, and the one that runs or ran last.
  std::uint64_t callbacks() const noexcept { return callbacks_.load(std::memory_order_relaxed); }
  callback_name running() const noexcept {
    return gate_.load(std::memory_order_relaxed) != 0 ? last() : callback_name();
  }
  callback_name last() const noexcept {
    return {.what = what_.load(std::memory_order_relaxed),
            .at = at_.load(std::memory_order_relaxed),
            .of = of_.load(std::memory_order_relaxed)};
  }

  void works() noexcept { store(count_, (count() + 2) | 1U); }
  void rests() noexcept { store(count_, (count() | 1U) + 1); }

  void begins(const char* what, std::source_location at, const std::type_info* of) noexcept {
    store(callbacks_, callbacks() + 1);
    store(what_, what);
    store(at_, at);
    store(of_, of);
    store(gate_, char{1});
  }
  void is_of(const std::type_info& of) noexcept { store(of_, &of); }
  void ends() noexcept { store(gate_, char{0}); }

  // 1 while a callback runs: what the kernel looks at where system calls are trapped (guard/strict_mode.h).
  std::atomic<char>& gate() noexcept { return gate_; }

 private:
  template <class T>
  static void store(std::atomic<T>& into, T value) noexcept {
    into.store(value, std::memory_order_relaxed);
  }

  std::atomic<std::uint64_t> count_ = 0;
  std::atomic<std::uint64_t> callbacks_ = 0;
  std::atomic<const char*> what_ = nullptr;
  std::atomic<std::source_location> at_;
  std::atomic<const std::type_info*> of_ = nullptr;
  std::atomic<char> gate_ = 0;
};

}  // namespace whorl
