// A deadline is the time by which a piece of work has to be done. It follows the work as a context value, so that whatever
// the work calls can see how much time is left, and ask nobody for what cannot come in time.
//
//     auto page = co_await call_within(loop, 2s, get_page, url);     // cancelled after 2 s: errc::timed_out
//     ...
//     const auto left = time_left(loop);                             // in get_page, and in what that calls
//
// Thread: the loop's; time_left in a place reads the deadline that came along.
#pragma once

#include <whorl/deferred/context.h>
#include <whorl/deferred/maybe_deferred.h>
#include <whorl/reactor/reactor.h>
#include <whorl/reactor/within.h>

#include <algorithm>
#include <optional>
#include <utility>

namespace whorl {

inline const context_key<time_point> deadline("deadline");

// Until the deadline of the running work, zero when it has passed; nothing if there is none.
inline std::optional<duration> time_left(const reactor& loop) {
  const time_point* due = deadline.find();
  return due == nullptr ? std::nullopt : std::optional(std::max(*due - loop.now(), duration::zero()));
}

// Calls f(args...) with a deadline `limit` from now, or with the one there is if that is sooner, and cancels what is not
// done by then.
// Fails: errc::timed_out, as within() does.
template <class F, class... Args>
auto call_within(reactor& loop, duration limit, F f, Args... args) {
  const duration least = std::min(limit, time_left(loop).value_or(limit));
  auto work = context::current().with(deadline, due_after(loop.now(), least)).run([&] {
    return maybe_deferred(std::move(f), std::move(args)...);
  });
  return within(loop, std::move(work), least);
}

}  // namespace whorl
