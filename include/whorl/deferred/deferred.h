// deferred<T> is a result that is not there yet: awaited, or given callbacks, once.
//
//     auto page = co_await get_page(loop, url);                              // throws the error
//     auto page = co_await get_page(loop, url).result();                     // a result<T>
//     get_page(loop, url).add_callback(parse).add_errback(report).detach();  // Twisted's way
//
// A function that waits returns a deferred; a coroutine that returns one starts at once and runs until its first
// unfired await (S37). Whoever fires it from outside a coroutine holds its promise<T>.
//
// Thread:   belongs to one loop's thread; everything that waits for it runs there.
// Lifetime: dropping an unfired deferred destroys the suspended frames that it stands for at once, innermost first, and
//           tells the operation underway to stop; its result is thrown away. detach() lets it run on its own. A failure
//           that nobody looked at is logged when its deferred dies (S22).
// Cancel:   cancel() is a polite request: it travels to the operation that is being awaited, and is confirmed when the
//           deferred fires. A coroutine sees it as an error at its co_await and may clean up, or await more (S36).
// Cost:     no general-purpose allocation in steady state; no recursion along a chain of any length (S11).
//
// Where Twisted keeps one Deferred whose type changes as callbacks are added, add_callback here consumes the deferred
// and returns the next one, so that every step has its type, and a result has one taker (S10, S40). A deferred cannot
// be the value of another (S13).
#pragma once

#include <whorl/deferred/core.h>

#include <concepts>
#include <source_location>
#include <type_traits>
#include <utility>

namespace whorl {

template <class T>
class deferred;

template <class T>
class deferred_result;

namespace detail {

template <class T>
inline constexpr bool is_deferred = false;
template <class T>
inline constexpr bool is_deferred<deferred<T>> = true;

template <class T>
class promise_core;
template <class T>
class coroutine_promise;
template <class T>
class awaiter_base;
template <class T, class U, class OnValue, class OnFailure>
class stage;
template <class T>
deferred<T> deferred_of(core<T>& owned) noexcept;
template <class T>
core<T>& node_of(deferred<T> given_up) noexcept;
template <class T>
core<T>* peek_node(const deferred<T>& lent) noexcept;

struct pass_through {};  // the missing side of a pair of callbacks (S3)

template <class T, class OnValue, class OnFailure>
auto add_stage(deferred<T> upstream, OnValue on_value, OnFailure on_failure, const std::source_location& added_at);

}  // namespace detail

template <class T>
class [[nodiscard]] deferred {
  static_assert(!detail::is_deferred<T>,
                "a deferred cannot be the value of a deferred: await it, or return it from a callback");
  static_assert(!std::is_reference_v<T>,
                "a deferred owns its value: return an object, a pointer or a handle instead of a reference");

 public:
  using value_type = T;
  using location = std::source_location;

  deferred(deferred&& other) noexcept : core_(std::exchange(other.core_, nullptr)) {}
  deferred& operator=(deferred&& other) noexcept {
    deferred(std::move(other)).swap(*this);
    return *this;
  }
  ~deferred() {
    if (core_ != nullptr) {
      core_->drop();
    }
  }

  // True when a result is here and may be taken.
  bool ready() const noexcept { return core_ != nullptr && core_->ready(); }

  // True until the result has been awaited, given to a callback, taken or detached.
  bool valid() const noexcept { return core_ != nullptr; }

  // A pair of callbacks, of which exactly one runs (S2): on_value with the value (with nothing for void), or on_failure
  // with the failure. Each may return a value, a result<U>, an outcome<U> or a deferred<U>; the deferred returned here
  // is a deferred<U>. Added to one that is ready, the callback runs at once (S5).
  template <class OnValue, class OnFailure>
  auto add_callbacks(OnValue on_value, OnFailure on_failure, location at = location::current()) && {
    return detail::add_stage(std::move(*this), std::move(on_value), std::move(on_failure), at);
  }
  template <class OnValue>
  auto add_callback(OnValue on_value, location at = location::current()) && {
    return detail::add_stage(std::move(*this), std::move(on_value), detail::pass_through(), at);
  }
  template <class OnFailure>
  auto add_errback(OnFailure on_failure, location at = location::current()) && {
    return detail::add_stage(std::move(*this), detail::pass_through(), std::move(on_failure), at);
  }

  // One function for both sides, called with an outcome<T> (of std::monostate for void).
  template <class OnEither>
  auto add_both(OnEither on_either, location at = location::current()) && {
    using either = outcome<detail::stored<T>>;
    auto on_failure = [on_either](failure why) mutable { return on_either(either(std::unexpected(std::move(why)))); };
    if constexpr (std::is_void_v<T>) {
      return std::move(*this).add_callbacks([on_either]() mutable { return on_either(either()); },
                                            std::move(on_failure), at);
    } else {
      return std::move(*this).add_callbacks(
          [on_either](T value) mutable { return on_either(either(std::in_place, std::move(value))); },
          std::move(on_failure), at);
    }
  }

  // For co_await: hands over a result<T> instead of throwing the error. An exception that is no error is still thrown.
  deferred_result<T> result() && { return deferred_result<T>(std::move(*this)); }

  // Takes the result of one that is ready, for code that is no coroutine. Throws misuse if it is not.
  outcome<detail::stored<T>> take() &&;

  // Asks whatever is underway to stop. Never throws, may be repeated (S18), does nothing to one that has fired (S17).
  void cancel(const error& reason = errc::cancelled) noexcept {
    if (core_ != nullptr) {
      core_->cancel(reason);
    }
  }

  // Lets it run on its own; a failure is logged.
  void detach() && noexcept {
    if (core_ != nullptr) {
      std::exchange(core_, nullptr)->detach();
    }
  }

  // While paused, no callback of this deferred runs and no result is handed on; results that arrive wait. Nests, and
  // must be balanced (S14): unpause() throws misuse if it is not.
  void pause() noexcept { core_->pause(); }
  void unpause() { core_->unpause(); }

  // Who awaits whom, from what it waits for in the end to whoever waits for it; for messages and consoles.
  async_stack stack() const { return core_ == nullptr ? async_stack({}) : core_->stack(); }

  void swap(deferred& other) noexcept { std::swap(core_, other.core_); }

 private:
  template <class>
  friend class detail::promise_core;
  template <class>
  friend class detail::coroutine_promise;
  template <class>
  friend class detail::awaiter_base;
  template <class, class, class, class>
  friend class detail::stage;
  template <class U>
  friend deferred<U> detail::deferred_of(detail::core<U>&) noexcept;
  template <class U>
  friend detail::core<U>& detail::node_of(deferred<U>) noexcept;
  template <class U>
  friend detail::core<U>* detail::peek_node(const deferred<U>&) noexcept;
  template <class U, class OnValue, class OnFailure>
  friend auto detail::add_stage(deferred<U>, OnValue, OnFailure, const std::source_location&);

  explicit deferred(detail::core<T>& core) noexcept : core_(&core) {}
  detail::core<T>* release() noexcept { return std::exchange(core_, nullptr); }

  detail::core<T>* core_;
};

namespace detail {
[[noreturn]] void throw_not_ready();

// The deferred that owns a node from now on.
template <class T>
deferred<T> deferred_of(core<T>& owned) noexcept {
  return deferred<T>(owned);
}

// The node that a deferred stands for, owned by the caller from now on.
template <class T>
core<T>& node_of(deferred<T> given_up) noexcept {
  return *given_up.release();
}

// The same, to look at while the deferred lives; null if it was consumed.
template <class T>
core<T>* peek_node(const deferred<T>& lent) noexcept {
  return lent.core_;
}
}  // namespace detail

template <class T>
outcome<detail::stored<T>> deferred<T>::take() && {
  if (!ready()) {
    detail::throw_not_ready();
  }
  const detail::taken<T> done(*release());
  return done->take();
}

template <class T>
class [[nodiscard]] deferred_result {
 public:
  explicit deferred_result(deferred<T> awaited) noexcept : awaited_(std::move(awaited)) {}
  deferred<T> release() && noexcept { return std::move(awaited_); }

 private:
  deferred<T> awaited_;
};

}  // namespace whorl

#include <whorl/deferred/coroutine.h>  // IWYU pragma: export
#include <whorl/deferred/promise.h>    // IWYU pragma: export
#include <whorl/deferred/stage.h>      // IWYU pragma: export

namespace whorl {

// A deferred that has fired already.
template <class T>
deferred<T> succeed(T value) {
  promise<T> fired;
  fired.callback(std::move(value));
  return fired.get_deferred();
}
inline deferred<void> succeed() {
  promise<void> fired;
  fired.callback();
  return fired.get_deferred();
}
template <class T>
deferred<T> fail(failure why) {
  promise<T> fired;
  fired.errback(std::move(why));
  return fired.get_deferred();
}

}  // namespace whorl
