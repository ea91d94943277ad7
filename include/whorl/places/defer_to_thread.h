// Every loop has a thread pool of its own, made at the first use, for code that has no better place.
//
//     std::string text = co_await defer_to_thread(read_file, path);   // as defer_to(own_pool(), read_file, path)
//     call_in_thread(warm_up_cache, path);                            // nobody waits; a failure is logged (S59)
//     call_multiple_in_thread(thread_call(rotate, path), thread_call(warm_up_cache, path));   // one after the other
//
// Thread:   a loop's; throws misuse on a thread without one.
// Lifetime: the pool is stopped when its loop shuts down, with the loop turning meanwhile (S63), and given up after 30
//           seconds; it is made anew if the loop runs again.
#pragma once

#include <whorl/places/defer_to.h>

#include <stop_token>
#include <utility>

namespace whorl {

// The pool of this thread's loop.
thread_pool& own_pool();

template <class F, class... Args>
auto defer_to_thread(F&& f, Args&&... args) {
  return defer_to(own_pool(), std::forward<F>(f), std::forward<Args>(args)...);
}

template <class F, class... Args>
void call_in_thread(F&& f, Args&&... args) {
  defer_to(own_pool(), std::forward<F>(f), std::forward<Args>(args)...).detach();
}

// A function and its arguments, under the rules of defer_to, for call_multiple_in_thread.
template <class F, class... Args>
auto thread_call(F&& f, Args&&... args) {
  if constexpr (detail::call_is_right<detail::types<>, F, Args...>()) {
    return detail::owned_call_of<F, Args...>(std::forward<F>(f), std::forward<Args>(args)...);
  } else {
    detail::explain_call<detail::types<>, F, Args...>();
  }
}

namespace detail {

// Throws what the call threw, or the error that it returned.
template <class Call>
void run_or_throw(may_block& permission, const std::stop_token& stop, Call& call) {
  using returned = call_result<typename Call::template shape<types<>>>;
  auto came =
      outcome_of<typename value_in_thread<returned>::type>([&]() -> returned { return call.invoke(permission, stop); });
  if (!came) {
    came.error().raise();
  }
}

}  // namespace detail

// Runs the calls in one thread of the pool, in their order. Nobody waits; the first that fails is logged, and those behind it
// are not run.
template <class... Calls>
void call_multiple_in_thread(Calls... calls) {
  call_in_thread([](may_block& permission, std::stop_token stop,
                    Calls... each) { (detail::run_or_throw(permission, stop, each), ...); },
                 std::move(calls)...);
}

}  // namespace whorl
