// defer_to, for a pool of processes: runs a function in a worker process, and fires with its result on the loop.
//
//     T = co_await defer_to(processes, f, args...);    // f is known to the workers: process_function.h
//
// The arguments are packed before defer_to returns. An exception in the function fails the deferred with its message; a
// failed result with its error, code and all. See process_pool.h for what a crash does, and for cancelling.
//
// Thread: the pool's loop.
// Fails:  throws misuse for a function that is not a process_function.
#pragma once

#include <whorl/deferred/deferred.h>
#include <whorl/process/process_function.h>
#include <whorl/process/process_pool.h>

#include <string>
#include <tuple>
#include <utility>

namespace whorl {

namespace detail {

// The parameters of a function that are sent: all but what the worker provides.
template <class... Parameters>
struct sent_parameters {
  using types = decltype(std::tuple_cat(
      std::declval<std::conditional_t<std::is_void_v<typename parameter_in_worker<Parameters>::packed>, std::tuple<>,
                                      std::tuple<typename parameter_in_worker<Parameters>::packed>>>()...));
};
template <>
struct sent_parameters<> {
  using types = std::tuple<>;
};

template <class... Sent, class... Args>
std::string pack_arguments(std::tuple<Sent...>* /*types*/, const Args&... args) {
  static_assert(
      sizeof...(Sent) == sizeof...(Args),
      "defer_to(processes, f, args...): give one argument for each parameter of the function, but none for an "
      "object, a may_block& or a stop_token, which the process provides");
  std::string packed;
  if constexpr (sizeof...(Sent) == sizeof...(Args)) {
    (packing<Sent>::pack(packed, args), ...);
  }
  return packed;
}

template <class T>
deferred<T> unpack_answer(deferred<std::string> answer) {
  const std::string packed = co_await std::move(answer);
  unpacker from(packed);
  if constexpr (!std::is_void_v<T>) {
    T value = packing<T>::unpack(from);
    from.finish();
    co_return std::move(value);
  }
}

}  // namespace detail

template <class R, class... Parameters, class... Args>
deferred<typename detail::given<R>::type> defer_to(process_pool& processes, R (*f)(Parameters...), Args&&... args) {
  const auto& known = detail::require_known(reinterpret_cast<detail::any_function>(f));
  typename detail::sent_parameters<Parameters...>::types* types = nullptr;
  return detail::unpack_answer<typename detail::given<R>::type>(
      processes.call(known.name, detail::pack_arguments(types, std::forward<Args>(args)...)));
}

}  // namespace whorl
