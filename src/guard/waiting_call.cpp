#include <unistd.h>
#include <whorl/guard/waiting_call.h>

namespace whorl {

namespace detail {

constinit thread_local const heartbeat* watched_heart = nullptr;
constinit thread_local bool observing = false;
constinit std::atomic<const call_observer*> observer_of_calls{nullptr};

namespace {
constinit std::atomic<pid_t> observed_process{0};
}

const call_observer* observer_of_this_call() noexcept {
  const call_observer* observer = observer_of_calls.load(std::memory_order_acquire);
  const bool here = observer != nullptr && !observing && observed_process.load(std::memory_order_relaxed) == ::getpid();
  return here ? observer : nullptr;
}

}  // namespace detail

void observe_calls(const call_observer* observer) noexcept {
  detail::observed_process.store(::getpid(), std::memory_order_relaxed);
  detail::observer_of_calls.store(observer, std::memory_order_release);
}

const heartbeat* watch_calls_of_this_thread(const heartbeat* heart) noexcept {
  return std::exchange(detail::watched_heart, heart);
}

}  // namespace whorl
