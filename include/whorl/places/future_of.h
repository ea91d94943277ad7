// The bridges to std::future: of a call on a loop, for threads that are not whorl's; and back.
//
//     std::future<int> users = future_of(loop, count_users, name);           // on any thread; deferred<int> count_users(string)
//     ...
//     int all = co_await defer_to(pool, wait_for<int>, std::move(users));    // on a loop, for somebody else's future
//
// `loop` is the mailbox of the loop, reactor::get_mailbox(); f and its arguments cross to the loop's thread under the rules
// of transferable.h. f may return a value, a result<T>, or a deferred<T>.
//
// Thread: future_of: any, the loop's own included, where get() would then wait for ever: there, co_await.
// Fails:  get() throws the error, or the exception of f; errc::shutting_down if the loop ends before it has answered (S63).
// Cancel: a std::future cannot; see cancel_on. wait_for waits to the end, and keeps its thread until then.
#pragma once

#include <whorl/places/answering.h>
#include <whorl/places/may_block.h>

#include <exception>
#include <future>
#include <memory>
#include <type_traits>
#include <utility>

namespace whorl {

namespace detail {

std::exception_ptr exception_of(const failure& why) noexcept;

// Its calls come one after the other: on the way to the loop, or on it.
template <class T>
class future_answer {
 public:
  std::future<T> get_future() { return promise_.get_future(); }

  void give(outcome<stored<T>>&& result) {
    if (std::exchange(given_, true)) {
      return;
    }
    if (!result) {
      promise_.set_exception(exception_of(result.error()));
    } else if constexpr (std::is_void_v<T>) {
      promise_.set_value();
    } else {
      promise_.set_value(*std::move(result));
    }
  }

 private:
  std::promise<T> promise_;
  bool given_ = false;
};

template <class F, class... Args>
auto ask_for_future(const mailbox& loop, F&& f, Args&&... args) {
  using value = answer_value<F, Args...>;
  const auto answer = std::make_shared<future_answer<value>>();
  std::future<value> promised = answer->get_future();
  ask_loop<value>(loop, answer, std::forward<F>(f), std::forward<Args>(args)...);
  return promised;
}

}  // namespace detail

template <class F, class... Args>
auto future_of(const mailbox& loop, F&& f, Args&&... args) {
  if constexpr (detail::loop_call_is_right<F, Args...>()) {
    return detail::ask_for_future(loop, std::forward<F>(f), std::forward<Args>(args)...);
  } else {
    detail::explain_loop_call<F, Args...>();
  }
}

// For defer_to: what a future of somebody else's gives.
template <class T>
T wait_for(may_block& /*permission*/, std::future<T> awaited) {
  return awaited.get();
}

}  // namespace whorl
