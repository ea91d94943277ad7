// maybe_deferred calls a function that may or may not wait, and gives a deferred in every case (S30).
//
//     deferred<page> got = maybe_deferred(find_page, url);   // page, result<page> or deferred<page> find_page(string)
//
// A value fires it, an exception or a result's error fails it, a deferred is handed on as it is; so a coroutine, which
// is a function that returns one, is started.
#pragma once

#include <whorl/deferred/deferred.h>

#include <functional>
#include <type_traits>
#include <utility>

namespace whorl {

namespace detail {

// What a function that returns R stands for.
template <class R>
using deferred_of_returned = deferred<typename unwrapped<R>::type>;

template <class T, class R>
deferred<T> fired_with(R&& returned) {
  if constexpr (std::is_same_v<T, std::remove_cvref_t<R>>) {
    return succeed<T>(std::forward<R>(returned));
  } else {  // a result<T> or an outcome<T>
    if (!returned) {
      return fail<T>(std::move(returned.error()));
    }
    if constexpr (std::is_void_v<T>) {
      return succeed();
    } else {
      return succeed<T>(*std::forward<R>(returned));
    }
  }
}

}  // namespace detail

template <class F, class... Args>
auto maybe_deferred(F&& f, Args&&... args) -> detail::deferred_of_returned<std::invoke_result_t<F, Args...>> {
  using returned = std::invoke_result_t<F, Args...>;
  using value = typename detail::unwrapped<returned>::type;
  try {
    if constexpr (detail::is_deferred<returned>) {
      return std::invoke(std::forward<F>(f), std::forward<Args>(args)...);
    } else if constexpr (std::is_void_v<returned>) {
      std::invoke(std::forward<F>(f), std::forward<Args>(args)...);
      return succeed();
    } else {
      return detail::fired_with<value>(std::invoke(std::forward<F>(f), std::forward<Args>(args)...));
    }
  } catch (...) {
    return fail<value>(failure::current());
  }
}

}  // namespace whorl
