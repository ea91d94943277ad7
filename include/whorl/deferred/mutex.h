// A mutex that Clang's thread-safety analysis knows: members declare what guards them (WHORL_GUARDED_BY), and touching
// one without holding it is a compiler warning. For state that threads share; code on one loop needs none.
//
//     mutex_lock lock(mutex_);
//     while (queue_.empty()) { lock.wait(changed_); }
#pragma once

#include <whorl/deferred/platform.h>

#include <pthread.h>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <type_traits>

namespace whorl {

class WHORL_CAPABILITY("mutex") mutex {
 public:
  constexpr mutex() noexcept {
    if (!std::is_constant_evaluated()) {
      look_before_sleep();
    }
  }
  void lock() WHORL_ACQUIRE() { mutex_.lock(); }
  void unlock() WHORL_RELEASE() { mutex_.unlock(); }

 private:
  friend class mutex_lock;

  // What is guarded is held for moments, mostly: who finds it held looks a few times before the kernel puts it to sleep.
  void look_before_sleep() noexcept {
    pthread_mutexattr_t adaptive;
    ::pthread_mutexattr_init(&adaptive);
    ::pthread_mutexattr_settype(&adaptive, PTHREAD_MUTEX_ADAPTIVE_NP);
    ::pthread_mutex_init(mutex_.native_handle(), &adaptive);
    ::pthread_mutexattr_destroy(&adaptive);
  }

  std::mutex mutex_;
};

class WHORL_SCOPED_CAPABILITY mutex_lock {
 public:
  explicit mutex_lock(mutex& held) WHORL_ACQUIRE(held) : lock_(held.mutex_) {}
  ~mutex_lock() WHORL_RELEASE() {}  // NOLINT(modernize-use-equals-default): the attribute needs a body
  mutex_lock(const mutex_lock&) = delete;
  mutex_lock& operator=(const mutex_lock&) = delete;

  // Lets go of the mutex while it waits, and may return without a reason: wait in a loop that looks.
  void wait(std::condition_variable& changed) { changed.wait(lock_); }

  // The same, and at most so long: false when the time is over.
  bool wait_for(std::condition_variable& changed, std::chrono::nanoseconds longest) {
    return changed.wait_for(lock_, longest) == std::cv_status::no_timeout;
  }

 private:
  std::unique_lock<std::mutex> lock_;
};

}  // namespace whorl
