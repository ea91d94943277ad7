// A spin_before_sleep decides whether a thread that has nothing to do goes on looking for work for a moment before it
// sleeps: who sleeps must be woken, which costs the waker a system call and the work 40 to 55 us.
//
// It adapts: a thread looks only when its last waits were short ones, and stops when it has looked in vain a few times. And
// it looks only where cores are free: when another thread gets its core meanwhile, it sleeps, and for some time after, too.
//
// Thread: one at a time.
// Cost:   CPU time up to longest_spin() a wait, 50 us unless set otherwise, where work comes often; where none comes any
//         more, once or twice that and then none. Nothing on a machine, or in a CPU set, of one CPU.
#pragma once

#include <whorl/reactor/time.h>

#include <algorithm>
#include <cstdint>

namespace whorl {

// How long a thread of this process, a loop's or a pool's, looks for work before it sleeps; zero: it sleeps at once. The
// environment says WHORL_SPIN_US, in microseconds.
// Thread: any.
duration longest_spin() noexcept;
void set_longest_spin(duration longest) noexcept;

// Gives the core to whoever waits for one; false if somebody did.
bool core_is_free() noexcept;

class spin_before_sleep {
 public:
  bool looking() const noexcept { return looking_since_ != time_point(); }

  // Nothing was found: look once more? If not, sleep.
  bool look_again(time_point now) noexcept {
    if (credit_ < enough || now < taken_until_) {
      looking_since_ = time_point();
      return false;
    }
    if (looking_since_ == time_point()) {
      looking_since_ = now;
    }
    if (now - looking_since_ < longest_spin()) {
      return true;
    }
    looking_since_ = time_point();
    credit_ = std::max(credit_ - in_vain, 0);
    return false;
  }

  // Something was found.
  void found() noexcept {
    if (looking()) {
      looking_since_ = time_point();
      credit_ = std::min(credit_ + 1, most);
      rest_ = shortest_rest;
    }
  }

  // Another thread had the core while this one looked.
  void core_was_taken(time_point now) noexcept {
    looking_since_ = time_point();
    taken_until_ = now + rest_;
    rest_ = std::min(2 * rest_, longest_rest);
  }

  // It was asleep for so long until something came: would looking have been better?
  void slept(duration asleep) noexcept {
    constexpr int wake_ups = 3;  // of so many spins; a sleep that short was mostly waking up
    credit_ = asleep < wake_ups * longest_spin() ? std::min(credit_ + 1, most) : 0;
  }

 private:
  static constexpr int enough = 2;
  static constexpr int most = 8;
  static constexpr int in_vain = 3;
  static constexpr duration shortest_rest = std::chrono::milliseconds(10);
  static constexpr duration longest_rest = std::chrono::seconds(1);

  time_point looking_since_;
  time_point taken_until_;
  duration rest_ = shortest_rest;
  int credit_ = 0;
};

}  // namespace whorl
