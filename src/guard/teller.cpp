#include "guard/teller.h"

#include <whorl/deferred/mutex.h>
#include <whorl/guard/call_stack.h>

#include <array>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <utility>

#include "guard/own_thread.h"
#include "guard/report.h"

namespace whorl::detail {

namespace {

class teller {
 public:
  // One with the program's descriptors, and one with those of threads that have their own. Never destroyed: they may be
  // telling something while the program ends.
  static teller& with(bool own_descriptors) {
    static auto& both = *new std::array<teller, 2>;
    return both.at(own_descriptors ? 1 : 0);
  }

  void add(telling what) {
    const mutex_lock lock(mutex_);
    queue_.push_back(std::move(what));
    ++given_;
    if (!std::exchange(runs_, true)) {
      start_own_thread([this] { tell_all(); });
    }
  }

  void wait() {
    mutex_lock lock(mutex_);
    const std::uint64_t until = given_;
    while (told_ < until) {
      lock.wait(changed_);
    }
  }

 private:
  void tell_all() {
    const kept_debug_information kept;
    while (telling next = take()) {
      try {
        next();
      } catch (...) {
        log_of_guard(log_level::error, "the guard could not tell what it found");
      }
      next = nullptr;
      count_one();
    }
  }

  telling take() {
    const mutex_lock lock(mutex_);
    if (queue_.empty()) {
      runs_ = false;
      return nullptr;
    }
    telling next = std::move(queue_.front());
    queue_.pop_front();
    return next;
  }

  void count_one() {
    const mutex_lock lock(mutex_);
    ++told_;
    changed_.notify_all();
  }

  mutex mutex_;
  std::condition_variable changed_;
  std::deque<telling> queue_ WHORL_GUARDED_BY(mutex_);
  bool runs_ WHORL_GUARDED_BY(mutex_) = false;
  std::uint64_t given_ WHORL_GUARDED_BY(mutex_) = 0;
  std::uint64_t told_ WHORL_GUARDED_BY(mutex_) = 0;
};

}  // namespace

void tell_later(telling what) { teller::with(has_own_descriptors()).add(std::move(what)); }

void wait_until_told() {
  teller::with(false).wait();
  teller::with(true).wait();
}

}  // namespace whorl::detail
