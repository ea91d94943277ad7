// What makes a function that returns deferred<T> and contains co_await a coroutine.
//
// co_await consumes a deferred: a temporary, or std::move(d) (S40). One co_await a statement, in one of four shapes
// (co_await x; auto v = co_await x; v = co_await x; co_return co_await x;): g++ 12 miscompiles others without a word.
// A coroutine's parameters should be values: a reference parameter dangles as soon as the caller's object dies.
#pragma once

#include <whorl/deferred/deferred.h>

#include <concepts>
#include <coroutine>
#include <source_location>
#include <utility>

namespace whorl {

class may_block;

namespace detail {

template <class T>
inline constexpr bool is_refused = false;

// Waits for a deferred in a coroutine's name, and owns it once it is ready, until the awaiting expression ends.
template <class T>
class awaiter_base {
 public:
  awaiter_base(deferred<T>&& awaited, node& awaiting) noexcept
      : awaited_(&node_of(std::move(awaited))), awaiting_(awaiting) {}
  awaiter_base(const awaiter_base&) = delete;
  awaiter_base& operator=(const awaiter_base&) = delete;
  ~awaiter_base() {
    if (awaited_ != nullptr) {
      awaited_->drop();
    }
  }

  bool await_ready() const noexcept { return awaited_->ready(); }

  // A bool instead of a handle: without symmetric transfer the stack stays flat in every build.
  bool await_suspend(std::coroutine_handle<> /*frame*/) {
    awaiting_.misuse_if_cyclic(*awaited_);
    awaiting_.wait_for(*std::exchange(awaited_, nullptr));
    return true;
  }

 protected:
  // What was awaited, ready.
  taken<T> take_ready() noexcept {
    core<T>* done = std::exchange(awaited_, nullptr);
    return taken<T>(done != nullptr ? *done : static_cast<core<T>&>(*awaiting_.take_waited()));
  }

  [[gnu::noinline]] failure came_through_here(core<T>& from) const {
    failure why = from.take_failure();
    why.came_through(awaiting_.at());
    return why;
  }

 private:
  core<T>* awaited_;  // while the coroutine runs
  node& awaiting_;
};

// co_await d: the value, or the failure thrown.
template <class T>
class value_awaiter final : public awaiter_base<T> {
 public:
  using awaiter_base<T>::awaiter_base;

  [[gnu::always_inline]] T await_resume() {
    const taken<T> done = this->take_ready();
    if (done->failed()) [[unlikely]] {
      this->came_through_here(*done).raise();
    }
    if constexpr (!std::is_void_v<T>) {
      return std::move(done->value());
    }
  }
};

// co_await d.result(): the value or the error. An exception that is no error is thrown all the same.
template <class T>
class result_awaiter final : public awaiter_base<T> {
 public:
  using awaiter_base<T>::awaiter_base;

  [[gnu::always_inline]] result<T> await_resume() {
    const taken<T> done = this->take_ready();
    if (done->failed()) [[unlikely]] {
      const failure why = this->came_through_here(*done);
      if (why.exception()) {
        why.raise();
      }
      return std::unexpected(why.error());
    }
    if constexpr (std::is_void_v<T>) {
      return {};
    } else {
      return std::move(done->value());
    }
  }
};

// How a coroutine returns: with a value, a result<T>'s error (co_return std::unexpected(why)), or by throwing.
template <class T>
class coroutine_return : public core<T> {
 public:
  using core<T>::core;

  template <class V>
    requires std::constructible_from<T, V>
  void return_value(V&& value) {
    this->hold_value(std::forward<V>(value));
  }
  void return_value(T value) { this->hold_value(std::move(value)); }
  void return_value(std::unexpected<error> why)
    requires(!std::constructible_from<T, std::unexpected<error>>)
  {
    this->hold_failure(std::move(why.error()));
  }
};

template <>
class coroutine_return<void> : public core<void> {
 public:
  using core<void>::core;

  void return_void() { this->hold_value(); }
};

template <class T>
class coroutine_promise final : public coroutine_return<T> {
 public:
  coroutine_promise() noexcept
      : coroutine_return<T>(std::coroutine_handle<>(std::coroutine_handle<coroutine_promise>::from_promise(*this))) {}
  ~coroutine_promise() = default;

  deferred<T> get_return_object() noexcept { return deferred<T>(*this); }
  std::suspend_never initial_suspend() noexcept { return {}; }
  std::suspend_always final_suspend() noexcept {
    this->set_fired();
    return {};
  }
  void unhandled_exception() { this->hold_failure(failure::current()); }

  template <class U>
  value_awaiter<U> await_transform(deferred<U>&& awaited,
                                   std::source_location at = std::source_location::current()) noexcept {
    this->set_at(at);
    return value_awaiter<U>(std::move(awaited), *this);
  }
  template <class U>
  result_awaiter<U> await_transform(deferred_result<U>&& awaited,
                                    std::source_location at = std::source_location::current()) noexcept {
    this->set_at(at);
    return result_awaiter<U>(std::move(awaited).release(), *this);
  }
  template <class U>
  std::suspend_never await_transform(deferred<U>& /*kept*/) noexcept {
    static_assert(is_refused<U>, "awaiting consumes a deferred, so its result has one taker: co_await std::move(d)");
    return {};
  }

 private:
  async_frame frame() const noexcept override { return {"awaited", this->at()}; }
};

template <class Argument>
inline constexpr bool is_may_block = std::is_same_v<std::remove_cvref_t<Argument>, may_block>;

}  // namespace detail
}  // namespace whorl

template <class T, class... Arguments>
struct std::coroutine_traits<whorl::deferred<T>, Arguments...> {
  static_assert(!(whorl::detail::is_may_block<Arguments> || ...),
                "a coroutine runs on the loop and may not block: take the may_block& in a plain function and call that "
                "with co_await defer_to(pool, f, args...)");
  using promise_type = whorl::detail::coroutine_promise<T>;
};
