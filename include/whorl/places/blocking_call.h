// blocking_call_from_thread is the one bridge back: code that waits calls a function on a loop and waits for its result.
//
//     int users = blocking_call_from_thread(permission, loop, count_users, name);   // deferred<int> count_users(string)
//
// `loop` is the mailbox of the loop, reactor::get_mailbox(), which may cross to a thread; f and its arguments cross to the
// loop's thread under the rules of transferable.h. f may return a value, a result<T>, or a deferred<T>, which is waited for.
//
// Thread: any on which no loop runs; on one where a loop runs it throws misuse at once, instead of waiting for ever (S62).
// Fails:  throws the error, or the exception of f; errc::shutting_down if the loop ends before it has answered (S63).
// Cost:   blocks its thread for a hand-over there, the work, and one back.
#pragma once

#include <whorl/deferred/deferred.h>
#include <whorl/deferred/mutex.h>
#include <whorl/places/answering.h>
#include <whorl/places/call.h>
#include <whorl/places/may_block.h>
#include <whorl/reactor/mailbox.h>

#include <condition_variable>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

namespace whorl {

namespace detail {

// Where a thread waits for the answer of a loop.
template <class T>
class answer {
 public:
  // The first one counts.
  void give(outcome<stored<T>>&& result) {
    {
      const mutex_lock lock(mutex_);
      if (!result_) {
        result_.emplace(std::move(result));
      }
    }
    given_.notify_one();
  }

  outcome<stored<T>> wait() {
    mutex_lock lock(mutex_);
    while (!result_) {
      lock.wait(given_);
    }
    return std::move(*result_);
  }

 private:
  mutex mutex_;
  std::condition_variable given_;
  std::optional<outcome<stored<T>>> result_ WHORL_GUARDED_BY(mutex_);
};

template <class F, class... Args>
auto block_for_loop(const mailbox& loop, F&& f, Args&&... args) {
  using value = answer_value<F, Args...>;
  const auto waiting = std::make_shared<answer<value>>();
  ask_loop<value>(loop, waiting, std::forward<F>(f), std::forward<Args>(args)...);
  outcome<stored<value>> result = waiting->wait();
  if (!result) {
    result.error().raise();
  }
  if constexpr (!std::is_void_v<value>) {
    return std::move(*result);
  }
}

}  // namespace detail

template <class F, class... Args>
auto blocking_call_from_thread(may_block& /*permission*/, const mailbox& loop, F&& f, Args&&... args) {
  if constexpr (detail::loop_call_is_right<F, Args...>()) {
    may_block::refuse_on_loop("blocking_call_from_thread");
    return detail::block_for_loop(loop, std::forward<F>(f), std::forward<Args>(args)...);
  } else {
    detail::explain_loop_call<F, Args...>();
  }
}

}  // namespace whorl
