// The box behind a mailbox: a stack that many threads push to without a lock, and one loop empties at one stroke.
//
// Thread:   post: any. Everything else: the loop's.
// Lifetime: shared by the loop and the mailboxes.
#pragma once

#include <whorl/reactor/backend.h>
#include <whorl/reactor/mailbox.h>
#include <whorl/reactor/spin_before_sleep.h>

#include <atomic>
#include <memory>
#include <mutex>

namespace whorl::detail {

class mailbox_state {
 public:
  explicit mailbox_state(backend& io) noexcept : io_(&io) {}

  bool post(std::unique_ptr<posted_call> call) noexcept;

  // Runs what was posted before, in the order of posting; what is posted meanwhile waits for the next time (S53).
  void run_all() noexcept;

  // Nothing is there; true: turn without a wait, because something may come at once (spin_before_sleep.h).
  bool look_again(time_point now) noexcept;

  // From here until woke(), a post wakes the back end. False: something is there already, so do not wait.
  bool may_wait() noexcept;
  void woke(duration asleep) noexcept;

  // The loop is gone: destroys what it never ran, and refuses what is posted from now on.
  void close() noexcept;

 private:
  void wake() noexcept;

  std::atomic<posted_call*> newest_{nullptr};
  std::atomic<bool> asleep_{false};
  std::mutex wake_mutex_;  // keeps the back end alive while a poster wakes it
  backend* io_;            // guarded by wake_mutex_; null once the loop is gone
  spin_before_sleep spin_;
};

}  // namespace whorl::detail
