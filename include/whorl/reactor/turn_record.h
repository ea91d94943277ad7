// What a loop has run, how long that took, and what took longest; loop.statistics() gives it out.
//
//     for (const long_callback& each : loop.statistics().longest_callbacks)
//       std::cout << each.took << ' ' << each.name.describe() << '\n';    // 31ms a timed call from ... (server.cpp:31)
//
// Whatever runs code of a program's on a loop does it in a callback_scope: timers, the mailbox, the events of a back end.
//
// Thread: the loop's, but for its heartbeat.
// Cost:   a callback: the processor's counter is read once, where the callback ends, and what the loop itself did since
//         the one before is counted to it; the clock is not asked. bench/record.py measures it. Names are not looked at of
//         callbacks that took less than a sixteenth of the shortest of the longest turns.
#pragma once

#include <whorl/deferred/platform.h>
#include <whorl/deferred/this_thread.h>
#include <whorl/reactor/heartbeat.h>
#include <whorl/reactor/real_time.h>
#include <whorl/reactor/time.h>
#include <whorl/reactor/time_histogram.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <source_location>
#include <typeinfo>
#include <vector>

namespace whorl {

struct long_callback {
  duration took{};  // the longest time
  callback_name name;
  std::uint64_t times = 0;  // how often it took long enough to be looked at
};

struct long_turn {
  duration took{};  // not counting its sleep
  std::uint64_t number = 0;
  std::uint64_t callbacks = 0;
  long_callback longest;
};

struct loop_statistics {
  time_histogram turns;  // not counting their sleep
  time_histogram callbacks;
  std::vector<long_callback> longest_callbacks;  // of different names, the longest first
  std::vector<long_turn> longest_turns;
};

// Somebody who looks before each turn and after each callback, such as guard/process_state.h.
class turn_observer {
 public:
  virtual void turn_begins() noexcept {}
  virtual void callback_ended(const callback_name& which) noexcept = 0;

 protected:
  ~turn_observer() = default;

 private:
  friend class turn_record;
  turn_observer* next_ = nullptr;
};

class turn_record {
 public:
  turn_record();
  turn_record(const turn_record&) = delete;
  turn_record& operator=(const turn_record&) = delete;

  heartbeat& heart() noexcept { return heart_; }
  const heartbeat& heart() const noexcept { return heart_; }

  void turn_begins() noexcept;
  // Not counting its sleep.
  void turn_ended(duration took) noexcept;

  // The loop sleeps, and goes on.
  void rests() noexcept { heart_.rests(); }
  void works() noexcept {
    heart_.works();
    goes_on();
  }
  // What was done since the last callback is counted to none.
  void goes_on() noexcept {
    if (WHORL_KEEPS_RECORD) {
      since_ = detail::processor_ticks();
    }
  }

  void callback_begins(const char* what, std::source_location at, const std::type_info* of) noexcept {
    detail::enter_real_time();
    heart_.begins(what, at, of);
  }
  void callback_ended() noexcept {
    heart_.ends();
    detail::leave_real_time();
    const std::uint64_t now = detail::processor_ticks();
    count(now - since_);
    since_ = now;
    if (observers_ != nullptr) [[unlikely]] {
      tell_observers();
    }
  }

  void add(turn_observer& observer) noexcept;
  void remove(turn_observer& observer) noexcept;

  const time_histogram& turns() const noexcept { return turns_; }
  loop_statistics statistics() const;

 private:
  static constexpr std::size_t most_kept = 8;

  void count(std::uint64_t ticks) noexcept {
    ++in_turn_;
    const duration took = time_of(ticks);
    callbacks_.add(took);
    if (took > notable_) [[unlikely]] {
      is_notable(took);
    }
  }
  duration time_of(std::uint64_t ticks) const noexcept {
    __extension__ typedef unsigned __int128 wide;  // NOLINT(modernize-use-using)
    return duration(static_cast<duration::rep>(static_cast<wide>(ticks) * nanoseconds_a_tick_ >> 32));
  }
  void is_notable(duration took) noexcept;
  void set_notable() noexcept;
  void keep(const long_callback& found) noexcept;
  void tell_observers() noexcept;

  heartbeat heart_;
  const std::uint64_t nanoseconds_a_tick_;  // times 2^32
  std::uint64_t since_ = 0;                 // processor ticks, when the last callback ended
  duration negligible_{};                   // what takes no longer than this is nowhere named
  duration notable_{};                      // what takes longer is the longest of its turn, or of those that are kept
  std::uint64_t in_turn_ = 0;
  turn_observer* observers_ = nullptr;
  time_histogram callbacks_;
  time_histogram turns_;
  long_callback longest_of_turn_;
  std::array<long_callback, most_kept> longest_callbacks_;
  std::array<long_turn, most_kept> longest_turns_;
};

// A callback of the loop whose turn this thread is in, for as long as it lives; outside of turns it is nothing.
class callback_scope {
 public:
  explicit callback_scope(const char* what, std::source_location at = {}, const std::type_info* of = nullptr) noexcept
      : record_(WHORL_KEEPS_RECORD ? detail::this_thread.record : nullptr) {
    if (record_ != nullptr) {
      record_->callback_begins(what, at, of);
    }
  }
  callback_scope(const callback_scope&) = delete;
  callback_scope& operator=(const callback_scope&) = delete;
  ~callback_scope() {
    if (record_ != nullptr) {
      record_->callback_ended();
    }
  }

  // Says whose event runs now.
  static void is_of(const std::type_info& of) noexcept {
    if (WHORL_KEEPS_RECORD && detail::this_thread.record != nullptr) {
      detail::this_thread.record->heart().is_of(of);
    }
  }

 private:
  turn_record* const record_;
};

}  // namespace whorl
