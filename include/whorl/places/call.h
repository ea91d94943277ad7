// A function and its arguments, checked and owned, on their way to the place where they run.
#pragma once

#include <whorl/deferred/deferred.h>
#include <whorl/places/called_function.h>
#include <whorl/places/crossing.h>
#include <whorl/places/may_block.h>

#include <concepts>
#include <functional>
#include <stop_token>
#include <tuple>
#include <type_traits>
#include <typeinfo>
#include <utility>

namespace whorl::detail {

template <class... Ts>
struct types {};

template <class T>
struct crossing_type {
  using type = T;
  static constexpr bool is_unchecked = false;
};
template <class T>
struct crossing_type<unchecked_value<T>> {
  using type = T;
  static constexpr bool is_unchecked = true;
};
template <class T>
using crossing_type_t = typename crossing_type<std::decay_t<T>>::type;
template <class T>
inline constexpr bool is_unchecked = crossing_type<std::decay_t<T>>::is_unchecked;

template <class T>
decltype(auto) open_crossing(T&& given) {
  if constexpr (is_unchecked<T>) {
    return (std::forward<T>(given).value);
  } else {
    return std::forward<T>(given);
  }
}

// How F is called: what the place puts in front, then a may_block& and a std::stop_token if F takes them, then the
// arguments, moved.
template <class F, class Front, class Args>
struct call_shape;

template <class F, class... Front, class... Args>
struct call_shape<F, types<Front...>, types<Args...>> {
  static constexpr bool plain = std::is_invocable_v<F, Front..., Args...>;
  static constexpr bool blocks = !plain && std::is_invocable_v<F, Front..., may_block&, Args...>;
  static constexpr bool stops = !plain && !blocks && std::is_invocable_v<F, Front..., std::stop_token, Args...>;
  static constexpr bool blocks_and_stops =
      !plain && !blocks && !stops && std::is_invocable_v<F, Front..., may_block&, std::stop_token, Args...>;
  static constexpr bool callable = plain || blocks || stops || blocks_and_stops;
  static constexpr bool wants_stop_token = stops || blocks_and_stops;
  static constexpr bool writes_to_copies =
      !callable &&
      (std::is_invocable_v<F, Front..., Args&...> || std::is_invocable_v<F, Front..., may_block&, Args&...> ||
       std::is_invocable_v<F, Front..., std::stop_token, Args&...> ||
       std::is_invocable_v<F, Front..., may_block&, std::stop_token, Args&...>);

  static auto result() {
    if constexpr (blocks) {
      return std::type_identity<std::invoke_result_t<F, Front..., may_block&, Args...>>();
    } else if constexpr (stops) {
      return std::type_identity<std::invoke_result_t<F, Front..., std::stop_token, Args...>>();
    } else if constexpr (blocks_and_stops) {
      return std::type_identity<std::invoke_result_t<F, Front..., may_block&, std::stop_token, Args...>>();
    } else {
      return std::type_identity<std::invoke_result_t<F, Front..., Args...>>();
    }
  }

  static decltype(auto) invoke(F& f, may_block& permission, const std::stop_token& stop, Front... front,
                               Args&&... args) {
    if constexpr (blocks) {
      return std::invoke(std::move(f), front..., permission, std::move(args)...);
    } else if constexpr (stops) {
      return std::invoke(std::move(f), front..., stop, std::move(args)...);
    } else if constexpr (blocks_and_stops) {
      return std::invoke(std::move(f), front..., permission, stop, std::move(args)...);
    } else {
      return std::invoke(std::move(f), front..., std::move(args)...);
    }
  }
};

template <class Shape>
using call_result = typename decltype(Shape::result())::type;

// A result<U> stands for its U; a deferred stays what it is, to be refused.
template <class R>
struct value_in_thread : unwrapped<R> {};
template <class T>
struct value_in_thread<deferred<T>> {
  using type = deferred<T>;
};
template <class Shape>
using call_value = typename value_in_thread<call_result<Shape>>::type;

// What the place puts in front may be left out by F.
template <class F, class Front, class... Args>
using shape_of = std::conditional_t<call_shape<F, Front, types<Args...>>::callable,
                                    call_shape<F, Front, types<Args...>>, call_shape<F, types<>, types<Args...>>>;

// A function pointer, a lambda without captures.
template <class F>
concept carries_nothing = std::is_empty_v<F> || std::is_member_pointer_v<F> ||
                          (std::is_pointer_v<F> && std::is_function_v<std::remove_pointer_t<F>>);

template <class T>
concept may_cross = refusal_of_part<T>() == refusal::none;

template <class F, class... Args>
concept sendable = (is_unchecked<F> || carries_nothing<std::decay_t<F>>) && (may_cross<std::decay_t<Args>> && ...) &&
                   (std::constructible_from<std::decay_t<Args>, Args> && ...);

template <class F, class Shape>
consteval bool shape_is_right() {
  if constexpr (!Shape::callable) {
    return false;
  } else {
    return is_unchecked<F> || may_cross<call_value<Shape>>;
  }
}

template <class Front, class F, class... Args>
consteval bool call_is_right() {
  if constexpr (!sendable<F, Args...>) {
    return false;
  } else {
    return shape_is_right<F, shape_of<crossing_type_t<F>, Front, crossing_type_t<Args>...>>();
  }
}

// Says what is wrong with one that is not right. Apart from the finding, so that its sentence is all that the user reads;
// a deduced return type, so that it is read first.
template <class F, class... Args>
auto explain_sending() {
  static_assert(is_unchecked<F> || carries_nothing<std::decay_t<F>>,
                "the function carries what cannot be seen (a lambda with captures, a std::function): give a function "
                "pointer or a lambda without captures, and what it captured as arguments after it; where you know that "
                "it is safe: unchecked(f, \"reason\")");
  explain_arguments<std::decay_t<Args>...>();
  static_assert(!(may_cross<std::decay_t<Args>> && ...) || (std::constructible_from<std::decay_t<Args>, Args> && ...),
                "an argument cannot be copied: std::move it into the call");
}

template <class Front, class F, class... Args>
auto explain_call() {
  if constexpr (!sendable<F, Args...>) {
    explain_sending<F, Args...>();
  } else {
    using called = crossing_type_t<F>;
    using shape = shape_of<called, Front, crossing_type_t<Args>...>;
    constexpr bool writes_to_copies =
        shape::writes_to_copies || call_shape<called, Front, types<crossing_type_t<Args>...>>::writes_to_copies;
    static_assert(!writes_to_copies,
                  "the function takes an argument by reference, and would write to a copy that nobody sees: let it "
                  "take the value and return the result");
    static_assert(shape::callable || writes_to_copies,
                  "the function cannot be called so: its parameters are the lane's object (in a lane), a may_block& "
                  "(if it waits), a std::stop_token (if it can stop early), and then the arguments, moved");
    if constexpr (shape::callable) {
      static_cast<void>(result_crosses<call_value<shape>>());
    }
  }
}

// The way back: called on the loop, where nothing may wait, with a deferred for what takes longer.
template <class F, class... Args>
consteval bool loop_call_is_right() {
  using called = crossing_type_t<F>;
  if constexpr (!sendable<F, Args...> || !std::is_invocable_v<called, crossing_type_t<Args>...>) {
    return false;
  } else {
    using value = typename unwrapped<std::invoke_result_t<called, crossing_type_t<Args>...>>::type;
    return is_unchecked<F> || may_cross<value>;
  }
}

template <class F, class... Args>
auto explain_loop_call() {
  using called = crossing_type_t<F>;
  if constexpr (!sendable<F, Args...>) {
    explain_sending<F, Args...>();
  } else if constexpr (!std::is_invocable_v<called, crossing_type_t<Args>...>) {
    static_assert(std::is_invocable_v<called, crossing_type_t<Args>...>,
                  "the function cannot be called so on the loop: its parameters are the arguments, moved, and no "
                  "may_block&, because the loop may not wait: let it return a deferred instead");
  } else {
    using value = typename unwrapped<std::invoke_result_t<called, crossing_type_t<Args>...>>::type;
    static_cast<void>(result_crosses<value>());
  }
}

// What a refused call returns: as near as possible to what it would have, so that the code around it is not refused too.
template <class Front, class F, class... Args>
auto refused_call() {
  using shape = shape_of<crossing_type_t<F>, Front, crossing_type_t<Args>...>;
  if constexpr (shape::callable) {
    return fail<typename unwrapped<std::remove_cvref_t<call_result<shape>>>::type>(errc::unsupported);
  } else if constexpr (std::is_invocable_v<F, Args...>) {
    return fail<typename unwrapped<std::remove_cvref_t<std::invoke_result_t<F, Args...>>>::type>(errc::unsupported);
  } else {
    return fail<void>(errc::unsupported);
  }
}

// What came of calling `invoke`, whatever way it has of saying so.
template <class Value, class Invoke>
outcome<stored<Value>> outcome_of(Invoke invoke) noexcept {
  try {
    using returned = std::invoke_result_t<Invoke>;
    if constexpr (std::is_void_v<returned>) {
      invoke();
      return {};
    } else if constexpr (std::same_as<returned, Value>) {
      return outcome<Value>(std::in_place, invoke());
    } else {
      returned result = invoke();
      if (!result) {
        return std::unexpected(failure(std::move(result.error())));
      }
      if constexpr (std::is_void_v<Value>) {
        return {};
      } else {
        return outcome<Value>(std::in_place, *std::move(result));
      }
    }
  } catch (...) {
    return std::unexpected(failure::current());
  }
}

// A function with its arguments.
template <class F, class... Args>
class owned_call {
 public:
  template <class Front>
  using shape = shape_of<F, Front, Args...>;

  template <class GivenF, class... Given>
  explicit owned_call(GivenF&& f, Given&&... given)
      : f_(open_crossing(std::forward<GivenF>(f))), args_(open_crossing(std::forward<Given>(given))...) {}

  // Once: the arguments are moved into the call.
  template <class... Front>
  decltype(auto) invoke(may_block& permission, const std::stop_token& stop, Front&... front) {
    const auto call_with = [&](Args&... args) -> decltype(auto) {
      if constexpr (call_shape<F, types<Front&...>, types<Args...>>::callable) {
        return shape<types<Front&...>>::invoke(f_, permission, stop, front..., std::move(args)...);
      } else {
        return shape<types<>>::invoke(f_, permission, stop, std::move(args)...);
      }
    };
    return std::apply(call_with, args_);
  }

  called_function function() const noexcept {
    if constexpr (std::is_pointer_v<F>) {
      return {reinterpret_cast<const void*>(f_), &typeid(F)};
    } else {
      return {nullptr, &typeid(F)};
    }
  }

  decltype(auto) invoke_on_loop() { return std::apply(std::move(f_), std::move(args_)); }

 private:
  [[no_unique_address]] F f_;
  std::tuple<Args...> args_;
};

template <class F, class... Args>
using owned_call_of = owned_call<crossing_type_t<F>, crossing_type_t<Args>...>;

}  // namespace whorl::detail
