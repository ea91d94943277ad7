// What may cross to another thread: owned by value, moved, or shared and const. A type that may not is refused when the
// program is compiled, with one sentence that names the argument and the cure (crossing.h).
//
// Refused: references, raw pointers, views (string_view, span), iterators, non-const shared_ptr, weak_ptr, std::function
// and capturing lambdas (what they carry is hidden), and everything that belongs to a loop (reactor, transport, stream,
// port, protocol, delayed_call, deferred, promise). Looks into optional, expected, variant, pair, tuple, array,
// unique_ptr, shared_ptr and whatever has a value_type and an allocator_type, as vector, map and string have.
//
// A class of the user's is taken as owning what it says, also when its members are views, unless it says otherwise:
//     template <> inline constexpr bool whorl::is_transferable<my_handle> = false;
// A function: a pointer to one, or a lambda without captures; its inputs all in the argument list.
// The way out, greppable, with a reason: unchecked(f, "reason") and unchecked(value, "reason"); what is handed over so is
// watched while the program runs (hand_over.h).
#pragma once

#include <whorl/places/thread_affinity.h>

#include <array>
#include <concepts>
#include <coroutine>
#include <expected>
#include <functional>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <optional>
#include <source_location>
#include <span>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

namespace whorl {

class backend;
class channel;
class delayed_call;
class listener;
class may_block;
class port;
class protocol;
class reactor;
class stream;
class transport;
template <class T>
class deferred;
template <class T>
class deferred_result;
template <class T>
class promise;

namespace detail {

// Why a type may not cross.
enum class refusal {
  none,
  reference,
  pointer,
  text_pointer,
  view,
  iterator,
  hidden_state,
  shared_writable,
  loop_bound,
  thread_bound,
  not_there_yet,
  permission,
  refused_by_its_class,
};

template <class T>
consteval refusal refusal_of();

}  // namespace detail

template <class T>
inline constexpr bool is_transferable = detail::refusal_of<T>() == detail::refusal::none;

template <class T>
concept transferable = is_transferable<T>;

// A value, or a function, that crosses although its type may not: see unchecked().
template <class T>
struct unchecked_value {
  T value;
  std::optional<thread_affinity> affinity{};  // of what it points to; nothing: as the type says
  std::source_location where{};
};

// A sentence for the next reader. An empty one does not compile.
struct reason {
  template <std::size_t Size>
  consteval reason(const char (&sentence)[Size]) {  // NOLINT(google-explicit-constructor): reads as unchecked(f, "...")
    static_assert(Size > 1, "unchecked needs a reason: why is it safe to use this in another thread?");
    static_cast<void>(sentence);
  }
};

// Lets a value cross as it is. Of a function, also what it returns; it may then be any callable.
template <class T>
unchecked_value<std::decay_t<T>> unchecked(T&& value, reason /*why*/,
                                           const std::source_location& where = std::source_location::current()) {
  return {std::forward<T>(value), std::nullopt, where};
}

// What the value points to is used as `affinity` says, whatever its type does.
template <class T>
unchecked_value<std::decay_t<T>> unchecked(T&& value, reason /*why*/, thread_affinity affinity) {
  return {std::forward<T>(value), affinity};
}

namespace detail {

// Honours what the author of a class said about it.
template <class T>
consteval refusal refusal_of_part() {
  if (is_transferable<std::remove_cv_t<T>>) {
    return refusal::none;
  }
  const refusal why = refusal_of<std::remove_cv_t<T>>();
  return why == refusal::none ? refusal::refused_by_its_class : why;
}

template <class... Parts>
consteval refusal refusal_among() {
  refusal first = refusal::none;
  const auto look = [&first](refusal part) { first = first == refusal::none ? part : first; };
  (look(refusal_of_part<Parts>()), ...);
  return first;
}

template <class T>
inline constexpr bool may_be_shared = affinity_of<std::remove_extent_t<T>> == thread_affinity::any_thread;

template <class T>
inline constexpr refusal refusal_of_shared =
    std::is_const_v<std::remove_extent_t<T>> || may_be_shared<T> ? refusal_of_part<std::remove_extent_t<T>>()
                                                                 : refusal::shared_writable;

// Templates that are refused, or made of parts.
template <class T>
inline constexpr refusal refusal_of_template = refusal::none;
template <class T, std::size_t N>
inline constexpr refusal refusal_of_template<std::array<T, N>> = refusal_of_part<T>();
template <class T>
inline constexpr refusal refusal_of_template<std::optional<T>> = refusal_of_part<T>();
template <class T, class E>
inline constexpr refusal refusal_of_template<std::expected<T, E>> = refusal_among<T, E>();
template <class... Ts>
inline constexpr refusal refusal_of_template<std::variant<Ts...>> = refusal_among<Ts...>();
template <class T, class U>
inline constexpr refusal refusal_of_template<std::pair<T, U>> = refusal_among<T, U>();
template <class... Ts>
inline constexpr refusal refusal_of_template<std::tuple<Ts...>> = refusal_among<Ts...>();
template <class T, class Deleter>
inline constexpr refusal refusal_of_template<std::unique_ptr<T, Deleter>> =
    refusal_among<std::remove_extent_t<T>, Deleter>();
template <class T>
inline constexpr refusal refusal_of_template<std::shared_ptr<T>> = refusal_of_shared<T>;
template <class T>
inline constexpr refusal refusal_of_template<std::weak_ptr<T>> = refusal::shared_writable;
template <class T>
inline constexpr refusal refusal_of_template<std::reference_wrapper<T>> = refusal::reference;
template <class T>
inline constexpr refusal refusal_of_template<std::initializer_list<T>> = refusal::view;
template <class T>
inline constexpr refusal refusal_of_template<std::coroutine_handle<T>> = refusal::not_there_yet;
template <class T>
inline constexpr refusal refusal_of_template<deferred<T>> = refusal::not_there_yet;
template <class T>
inline constexpr refusal refusal_of_template<deferred_result<T>> = refusal::not_there_yet;
template <class T>
inline constexpr refusal refusal_of_template<promise<T>> = refusal::not_there_yet;

template <class T>
concept complete = requires { sizeof(T); };
template <class T, class... Ts>
concept one_of = (std::is_same_v<T, Ts> || ...);
template <class T, class... Bases>
concept derived_from_one_of = complete<T> && (std::is_base_of_v<Bases, T> || ...);

// These are only declared here: this floor knows nothing of its neighbours.
template <class T>
concept bound_to_a_loop =
    one_of<T, backend, channel, delayed_call, listener, port, protocol, reactor, stream, transport> ||
    derived_from_one_of<T, backend, channel, listener, protocol, reactor, transport>;

// A lambda with captures, a std::function, a functor with members.
template <class T>
concept functor_with_state = !std::is_empty_v<T> && (requires { &T::operator(); } || std::is_bind_expression_v<T>);

template <class T>
concept container = requires {
  typename T::value_type;
  typename T::allocator_type;
} && !std::same_as<typename T::value_type, T>;  // a JSON value calls itself a container of itself

template <class T>
concept container_adaptor = requires { typename T::container_type; };

template <complete T>
consteval refusal refusal_of_complete_class() {
  if constexpr (functor_with_state<T>) {
    return refusal::hidden_state;
  } else if constexpr (std::ranges::enable_view<T>) {
    return refusal::view;
  } else if constexpr (std::input_or_output_iterator<T>) {
    return refusal::iterator;
  } else if constexpr (container<T>) {
    return refusal_of_part<typename T::value_type>();
  } else if constexpr (container_adaptor<T>) {
    return refusal_of_part<typename T::container_type>();
  } else {
    return refusal::none;
  }
}

template <class T>
consteval refusal refusal_of_class() {
  if constexpr (refusal_of_template<T> != refusal::none) {
    return refusal_of_template<T>;
  } else if constexpr (affinity_of<T> == thread_affinity::one_thread) {
    return refusal::thread_bound;
  } else if constexpr (bound_to_a_loop<T>) {
    return refusal::loop_bound;
  } else if constexpr (std::same_as<T, may_block>) {
    return refusal::permission;
  } else if constexpr (complete<T>) {
    return refusal_of_complete_class<T>();
  } else {
    return refusal::none;  // behind a unique_ptr, and of the user's
  }
}

template <class T>
consteval refusal refusal_of() {
  using plain = std::remove_cv_t<std::remove_all_extents_t<T>>;
  using target = std::remove_cv_t<std::remove_pointer_t<plain>>;
  if constexpr (std::is_reference_v<T>) {
    return refusal::reference;
  } else if constexpr (std::is_pointer_v<plain> && !std::is_function_v<target>) {
    return one_of<target, char, char8_t> ? refusal::text_pointer : refusal::pointer;
  } else if constexpr (!std::same_as<plain, T>) {
    return refusal_of_part<plain>();
  } else if constexpr (std::is_class_v<T> || std::is_union_v<T>) {
    return refusal_of_class<T>();
  } else {
    return refusal::none;
  }
}

}  // namespace detail

template <class T>
inline constexpr bool is_transferable<unchecked_value<T>> = true;

}  // namespace whorl
