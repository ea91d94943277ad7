#include <whorl/deferred/failure.h>
#include <whorl/deferred/log.h>
#include <whorl/reactor/mailbox.h>

#include "reactor/mailbox_state.h"
#include "reactor/real_time_exempt.h"

// No wake-up is lost. A poster first pushes, then reads asleep_; the loop first sets asleep_, then reads newest_. All
// four are sequentially consistent, so in their one order either the push comes before the loop's reading, and the loop
// sees the call and does not wait, or the setting comes before the poster's reading, and the poster wakes the loop. And
// a back end keeps a wake() that comes before the wait.

namespace whorl {

namespace detail {

namespace {

struct closed_box final : posted_call {
  void run() override {}
};

// What newest_ holds when the loop is gone.
posted_call* closed_mark() noexcept {
  static closed_box mark;
  return &mark;
}

posted_call* oldest_first(posted_call* newest) noexcept {
  posted_call* oldest = nullptr;
  while (newest != nullptr) {
    posted_call* before = std::exchange(newest->next, oldest);
    oldest = std::exchange(newest, before);
  }
  return oldest;
}

void run_logged(posted_call& call) noexcept {
  try {
    call.run();
  } catch (...) {
    log(log_level::error, "a call posted to the loop threw", {{"failure", failure::current().describe()}});
  }
}

}  // namespace

bool mailbox_state::post(std::unique_ptr<posted_call> call) noexcept {
  posted_call* newest = newest_.load(std::memory_order_relaxed);
  do {
    if (newest == closed_mark()) {
      static_cast<void>(newest_.load(std::memory_order_acquire));  // with close(): the loop is done with the call
      return false;
    }
    call->next = newest;
  } while (!newest_.compare_exchange_weak(newest, call.get()));
  static_cast<void>(call.release());
  if (asleep_.load() && asleep_.exchange(false)) {
    wake();
  }
  return true;
}

void mailbox_state::run_all() noexcept {
  if (newest_.load(std::memory_order_relaxed) == nullptr) {
    return;
  }
  spin_.found();
  posted_call* next = oldest_first(newest_.exchange(nullptr, std::memory_order_acquire));
  while (next != nullptr) {
    const callback_scope scope("a call from another thread", next->at);
    const std::unique_ptr<posted_call> call(next);
    next = call->next;
    run_logged(*call);
  }
}

bool mailbox_state::look_again(time_point now) noexcept {
  if (newest_.load(std::memory_order_relaxed) != nullptr) {
    return false;
  }
  const bool looked_before = spin_.looking();
  if (!spin_.look_again(now)) {
    return false;
  }
  if (!looked_before && !core_is_free()) {
    spin_.core_was_taken(now);
  }
  return true;
}

bool mailbox_state::may_wait() noexcept {
  asleep_.store(true);
  return newest_.load() == nullptr;
}

// What a wait that descriptors or timers ended says nothing about is how soon a post comes.
void mailbox_state::woke(duration asleep) noexcept {
  asleep_.store(false, std::memory_order_relaxed);
  if (asleep > duration::zero() && newest_.load(std::memory_order_relaxed) != nullptr) {
    spin_.slept(asleep);
  }
}

void mailbox_state::close() noexcept {
  posted_call* next = oldest_first(newest_.exchange(closed_mark(), std::memory_order_acq_rel));
  while (next != nullptr) {
    const std::unique_ptr<posted_call> call(next);
    next = call->next;
  }
  const std::scoped_lock lock(wake_mutex_);
  io_ = nullptr;
}

void mailbox_state::wake() noexcept {
  const real_time_exempt because("the mutex is held while a loop is woken, or ends");
  const std::scoped_lock lock(wake_mutex_);
  if (io_ != nullptr) {
    io_->wake();
  }
}

}  // namespace detail

bool mailbox::post(std::unique_ptr<detail::posted_call> call) const { return state_->post(std::move(call)); }

}  // namespace whorl
