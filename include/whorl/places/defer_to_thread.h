// Every loop has a thread pool of its own, made at the first use, for code that has no better place.
//
//     std::string text = co_await defer_to_thread(read_file, path);   // as defer_to(own_pool(), read_file, path)
//     call_in_thread(warm_up_cache, path);                            // nobody waits; a failure is logged (S59)
//
// Thread:   a loop's; throws misuse on a thread without one.
// Lifetime: the pool is stopped when its loop shuts down, with the loop turning meanwhile (S63), and given up after 30
//           seconds; it is made anew if the loop runs again.
#pragma once

#include <whorl/places/defer_to.h>

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

}  // namespace whorl
