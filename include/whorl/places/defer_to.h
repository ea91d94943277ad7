// defer_to runs a function in a place, and fires with its result on the loop that asked (S56).
//
//     T = co_await defer_to(pool, f, args...);    // in a thread of the pool; pool.at(priority::high): before others
//     T = co_await defer_to(lane, f, args...);    // on the lane's thread; f is given the lane's object first; also of a
//                                                 // lane_group or a lease
//
// f may take, in front of args (after a lane's object), a may_block&, if it waits, and then a std::stop_token, if it can
// stop early; in a lane it may leave the object out. An f that returns a result<U> gives a deferred<U>. The function and
// its arguments are destroyed where they ran, before the result is delivered (S58). What crosses is checked: see
// transferable.h.
//
// Thread: a loop's. Throws misuse on a thread without one.
#pragma once

#include <whorl/places/lane.h>
#include <whorl/places/lease.h>
#include <whorl/places/place_call.h>
#include <whorl/places/thread_pool.h>

#include <memory>
#include <stop_token>
#include <utility>

namespace whorl {

namespace detail {

class pool_threads final : public work_queue {
 public:
  using work_queue::work_queue;
  using front = types<>;

  template <class Call>
  decltype(auto) run(Call& call, may_block& permission, const std::stop_token& stop) {
    return call.invoke(permission, stop);
  }
};

struct place_access {
  static const std::shared_ptr<pool_threads>& of(thread_pool& pool) noexcept { return pool.threads_; }
  template <class T>
  static const std::shared_ptr<lane_threads<T>>& of(lane_of_threads<T>& of) noexcept {
    return of.threads_;
  }
  template <class T>
  static const std::shared_ptr<leased_object<T>>& of(lease<T>& of) noexcept {
    return of.object_;
  }
};

template <class Place, class F, class... Args>
auto checked_start(const std::shared_ptr<Place>& place, priority urgency, F&& f, Args&&... args) {
  if constexpr (call_is_right<typename Place::front, F, Args...>()) {
    return start_call(place, urgency, std::forward<F>(f), std::forward<Args>(args)...);
  } else {
    explain_call<typename Place::front, F, Args...>();
    return refused_call<typename Place::front, F, Args...>();
  }
}

}  // namespace detail

template <class F, class... Args>
auto defer_to(thread_pool::at_priority pool, F&& f, Args&&... args) {
  return detail::checked_start(detail::place_access::of(pool.pool), pool.urgency, std::forward<F>(f),
                               std::forward<Args>(args)...);
}

template <class F, class... Args>
auto defer_to(thread_pool& pool, F&& f, Args&&... args) {
  return defer_to(pool.at(priority::normal), std::forward<F>(f), std::forward<Args>(args)...);
}

template <class T, class F, class... Args>
auto defer_to(lane<T>& lane, F&& f, Args&&... args) {
  return detail::checked_start(detail::place_access::of(lane), priority::normal, std::forward<F>(f),
                               std::forward<Args>(args)...);
}

template <class T, class F, class... Args>
auto defer_to(lane_group<T>& lanes, F&& f, Args&&... args) {
  return detail::checked_start(detail::place_access::of(lanes), priority::normal, std::forward<F>(f),
                               std::forward<Args>(args)...);
}

template <class T, class F, class... Args>
auto defer_to(lease<T>& leased, F&& f, Args&&... args) {
  return detail::checked_start(detail::place_access::of(leased), priority::normal, std::forward<F>(f),
                               std::forward<Args>(args)...);
}

// Fires with a lease of the lane's object, or of one object of the group, when its turn has come.
template <class T>
deferred<lease<T>> lease_from(detail::lane_of_threads<T>& lane) {
  return detail::start_lease(detail::place_access::of(lane));
}

}  // namespace whorl
