// The bridge from code that reports with a callback on a thread of its own: as from_callback (deferred/callback.h), and
// what the callback is called with crosses to the loop.
//
//     deferred<sample> next_sample(sensor& from) {
//       return from_thread_callback<sample>([&](thread_callback<sample> done) { from.on_sample(std::move(done)); });
//     }
//     ...
//     sample taken = co_await next_sample(thermometer);
//
// The recipes of callback.h hold here too, with thread_callback for callback.
//
// Thread:   from_thread_callback, `start` and the function that stops: the loop's. The callback: called, copied and
//           destroyed on any.
// Lifetime: copies of a callback are the same callback. When the last dies uncalled, the deferred fails with
//           errc::broken_promise. The callback may outlive the deferred and the loop.
// Fails:    errc::shutting_down when the loop ends first (S63). Called again, it does nothing but log a warning.
// Cancel:   calls what `start` returned, as the end of the loop does; what the callback says later is thrown away.
#pragma once

#include <whorl/deferred/callback.h>
#include <whorl/places/pending_calls.h>
#include <whorl/places/transferable.h>
#include <whorl/reactor/mailbox.h>

#include <atomic>
#include <concepts>
#include <functional>
#include <memory>
#include <optional>
#include <source_location>
#include <type_traits>
#include <utility>

namespace whorl {

namespace detail {

// Where the loop expects the call; touched on the loop only, and owned by what stops the operation.
template <class T>
class expected_call final : public pending_call {
 public:
  explicit expected_call(callback<T> done) noexcept : done_(std::move(done)) {}
  ~expected_call() { leave(); }

  void on_stop(std::move_only_function<void()> stop) noexcept { stop_ = std::move(stop); }

  void deliver(outcome<stored<T>>&& how) {
    leave();
    if (const auto done = std::exchange(done_, std::nullopt)) {
      hand_over(*done, std::move(how));
    }
  }

  // Nobody waits any more.
  void abandon() {
    leave();
    done_.reset();
    if (auto stop = std::move(stop_)) {
      stop();
    }
  }

  void loop_ended() noexcept override {
    const auto done = std::exchange(done_, std::nullopt);
    abandon();
    done->errback(error(errc::shutting_down, "the loop that waited for a callback ended before it was called"));
  }

 private:
  static void hand_over(const callback<T>& done, outcome<stored<T>>&& how) {
    if (!how) {
      done.errback(std::move(how.error()));
    } else if constexpr (std::is_void_v<T>) {
      done();
    } else {
      done(*std::move(how));
    }
  }

  std::optional<callback<T>> done_;
  std::move_only_function<void()> stop_;
};

// What the copies of a thread_callback share.
template <class T>
class call_home {
 public:
  call_home(mailbox home, std::weak_ptr<expected_call<T>> to, const std::source_location& created) noexcept
      : home_(std::move(home)), to_(std::move(to)), created_(created) {}
  call_home(const call_home&) = delete;
  call_home& operator=(const call_home&) = delete;
  ~call_home() {
    if (!called_.load()) {
      post(std::unexpected(broken_promise(created_)));
    }
  }

  void call(outcome<stored<T>>&& how) {
    if (called_.exchange(true)) {
      log_second_call(created_);
    } else {
      post(std::move(how));
    }
  }

 private:
  void post(outcome<stored<T>>&& how) {
    home_.post([to = to_, how = std::move(how)]() mutable {
      if (const auto expected = to.lock()) {
        expected->deliver(std::move(how));
      }
    });
  }

  const mailbox home_;
  const std::weak_ptr<expected_call<T>> to_;  // locked on the loop only
  const std::source_location created_;
  std::atomic<bool> called_{false};
};

}  // namespace detail

template <class T>
class thread_callback {
  static_assert(std::is_void_v<T> || is_transferable<detail::stored<T>>,
                "what a thread_callback is called with crosses to the loop's thread, and this type may not: see "
                "transferable.h for what may");

 public:
  // Fires with T(values...).
  template <class... Values>
    requires std::constructible_from<detail::stored<T>, Values...>
  void operator()(Values&&... values) const {
    shared_->call(outcome<detail::stored<T>>(std::in_place, std::forward<Values>(values)...));
  }

  // Fires with a failure; an error or an errc converts to one.
  void errback(failure why) const { shared_->call(std::unexpected(std::move(why))); }

 private:
  template <class U, class Start>
  friend deferred<U> from_thread_callback(Start, std::source_location);
  explicit thread_callback(std::shared_ptr<detail::call_home<T>> shared) noexcept : shared_(std::move(shared)) {}

  std::shared_ptr<detail::call_home<T>> shared_;
};

// Calls start(thread_callback<T>), which may return a function that stops the operation. What it throws fails the
// deferred.
template <class T, class Start>
deferred<T> from_thread_callback(Start start, std::source_location created = std::source_location::current()) {
  auto& pending = detail::pending_calls::of_this_thread("from_thread_callback");
  if (!pending.accepting()) {
    return fail<T>(error(errc::shutting_down, "the loop is ending, and no callback would find it"));
  }
  return from_callback<T>(
      [&](callback<T> done) {
        const auto expected = std::make_shared<detail::expected_call<T>>(std::move(done));
        pending.add(*expected);
        thread_callback<T> handed(std::make_shared<detail::call_home<T>>(pending.home(), expected, created));
        if constexpr (std::is_void_v<std::invoke_result_t<Start&, thread_callback<T>>>) {
          std::invoke(start, std::move(handed));
        } else {
          expected->on_stop(std::invoke(start, std::move(handed)));
        }
        return [expected] { expected->abandon(); };
      },
      created);
}

}  // namespace whorl
