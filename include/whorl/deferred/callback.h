// The bridge from code that reports with a callback: from_callback gives the deferred that the callback fires.
//
//     deferred<int> ask(oracle& of, std::string question) {
//       return from_callback<int>([&](callback<int> done) { of.ask(std::move(question), std::move(done)); });
//     }
//     ...
//     int answer = co_await ask(delphi, "why");
//
// - Several values: callback<std::pair<int, std::string>> is called as done(7, "seven").
// - An error beside the value:
//       of.ask(question, [done](int failed, int answer) mutable {
//         failed != 0 ? done.errback(error::system(failed, "ask the oracle")) : done(answer);
//       });
// - A way to stop: whatever `start` returns is called when the deferred is cancelled or dropped before it has fired:
//       return from_callback<int>([&](callback<int> done) {
//         const int ticket = of.ask(question, std::move(done));
//         return [&of, ticket] { of.forget(ticket); };
//       });
// - A C function with a void* beside the callback, which calls it exactly once:
//       void answered(void* context, int answer) {
//         const std::unique_ptr<callback<int>> done(static_cast<callback<int>*>(context));
//         (*done)(answer);
//       }
//       return from_callback<int>([&](callback<int> done) {
//         ask_oracle(of, question, answered, std::make_unique<callback<int>>(std::move(done)).release());
//       });
// - A callback that comes on another thread, or is destroyed there: places/thread_callback.h.
//
// Thread:   the loop's. The callback may be called at once, inside `start`, or from any later event of the loop.
// Lifetime: copies of a callback are the same callback, because many of those who take one copy it. When the last dies
//           uncalled, the deferred fails with errc::broken_promise.
// Fails:    called again, it does nothing but log a warning: those who call it seldom stand an exception.
// Cancel:   calls what `start` returned; what the callback says later is thrown away.
#pragma once

#include <whorl/deferred/deferred.h>

#include <concepts>
#include <functional>
#include <memory>
#include <source_location>
#include <type_traits>
#include <utility>

namespace whorl {

namespace detail {

void log_second_call(const std::source_location& created) noexcept;

// A promise that is fired once, and may be told to fire more often.
template <class T>
struct called_once {
  explicit called_once(const std::source_location& at) : created(at), result([this] { run_stop(); }, at) {}

  // Fires it with what `fire` does to the promise.
  template <class Fire>
  void call(Fire fire) {
    if (std::exchange(called, true)) {
      log_second_call(created);
    } else if (!result.fired()) {
      stop = nullptr;
      fire(result);
    }
  }

  // Stopping may destroy the last callback, and this with it.
  void run_stop() {
    if (auto stopping = std::move(stop)) {
      stopping();
    }
  }

  const std::source_location created;
  bool called = false;
  std::move_only_function<void()> stop;
  promise<T> result;
};

}  // namespace detail

template <class T>
class callback {
 public:
  // Fires with T(values...).
  template <class... Values>
    requires std::constructible_from<detail::stored<T>, Values...>
  void operator()(Values&&... values) const {
    const auto kept = shared_;  // whoever awaits may destroy this callback
    kept->call([&](promise<T>& result) {
      if constexpr (std::is_void_v<T>) {
        result.callback();
      } else {
        result.callback(T(std::forward<Values>(values)...));
      }
    });
  }

  // Fires with a failure; an error or an errc converts to one.
  void errback(failure why) const {
    const auto kept = shared_;
    kept->call([&](promise<T>& result) { result.errback(std::move(why)); });
  }

 private:
  template <class U, class Start>
  friend deferred<U> from_callback(Start, std::source_location);
  explicit callback(std::shared_ptr<detail::called_once<T>> shared) noexcept : shared_(std::move(shared)) {}

  std::shared_ptr<detail::called_once<T>> shared_;
};

// Calls start(callback<T>), which hands the callback to whoever will call it, and may return a function that stops the
// operation. What `start` throws fails the deferred.
template <class T, class Start>
deferred<T> from_callback(Start start, std::source_location created = std::source_location::current()) {
  const auto shared = std::make_shared<detail::called_once<T>>(created);
  deferred<T> fired = shared->result.get_deferred();
  try {
    if constexpr (std::is_void_v<std::invoke_result_t<Start&, callback<T>>>) {
      std::invoke(start, callback<T>(shared));
    } else {
      auto stop = std::invoke(start, callback<T>(shared));
      if (!fired.ready()) {
        shared->stop = std::move(stop);
      }
    }
  } catch (...) {
    return fail<T>(failure::current());
  }
  return fired;
}

}  // namespace whorl
