// defer_later calls a function after some time, and fires with what it gives (S50).
//
//     auto page = co_await defer_later(loop, 5s, get_page, url);
//
// Thread: the loop's.
#pragma once

#include <whorl/deferred/deferred.h>
#include <whorl/reactor/reactor.h>

#include <functional>
#include <utility>

namespace whorl {

// Calls f(args...) when `delay` has passed. f may return a value, a result<T> or a deferred<T>, and what it throws fails
// the deferred.
// Cancel: before the time has come, the function is not called; afterwards, cancels the deferred that it returned.
template <class F, class... Args>
auto defer_later(reactor& loop, duration delay, F f, Args... args) {
  return loop.sleep(delay).add_callback([f = std::move(f), ... args = std::move(args)]() mutable {
    return std::invoke(std::move(f), std::move(args)...);
  });
}

}  // namespace whorl
