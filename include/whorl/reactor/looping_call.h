// A looping_call calls a function again and again, on the beats of a grid: start, start + interval, start + 2 interval...
//
//     looping_call poll(loop, look_for_news);        // void, result<void> or deferred<void> look_for_news()
//     deferred<void> polling = poll.start(30s);      // calls it at once, and then every 30 seconds
//     ...
//     poll.stop();                                   // `polling` fires
//
// Calls never overlap: the next one waits until the deferred of this one has fired, skips the beats that have passed
// meanwhile, and comes on the grid again (S49). A function that takes a beat_count is told how many beats have passed
// since its last call; more than one means that some were skipped. An interval of zero means every turn of the loop.
//
// Thread:   the loop's.
// Lifetime: destroying it is stop().
// Fails:    an error of the function ends it and fails the deferred that start() gave.
// Cancel:   of that deferred: ends the beats and cancels a call that is underway. Dropping it drops that call.
//
// Twisted fires start()'s Deferred with the LoopingCall itself; here with nothing, since whoever waits for it has both.
#pragma once

#include <whorl/deferred/maybe_deferred.h>
#include <whorl/reactor/reactor.h>

#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <type_traits>
#include <utility>

namespace whorl {

using beat_count = std::uint64_t;

enum class first_call : std::uint8_t { at_once, after_interval };

namespace detail {
struct beating;
}

class looping_call {
 public:
  template <class F>
    requires std::invocable<F&> || std::invocable<F&, beat_count>
  looping_call(reactor& loop, F f)
      : looping_call(loop, any_call([f = std::move(f)](beat_count passed) mutable { return call(f, passed); })) {}
  looping_call(const looping_call&) = delete;
  looping_call& operator=(const looping_call&) = delete;
  ~looping_call();

  // Throws misuse while it beats, or while its last call is underway, and for a negative interval.
  [[nodiscard]] deferred<void> start(duration interval, first_call first = first_call::at_once);

  // No more beats. start()'s deferred fires at once or, if a call is underway, when that has ended. Throws misuse if it
  // does not beat.
  void stop();

  // Lays the grid anew from now: the next beat is one interval away. Throws misuse if it does not beat.
  void reset();

  // Started, and neither stopped nor failed.
  bool running() const noexcept;

 private:
  using any_call = std::move_only_function<deferred<void>(beat_count)>;

  looping_call(reactor& loop, any_call call);

  template <class F>
  static auto call(F& f, beat_count passed) {
    if constexpr (std::invocable<F&, beat_count>) {
      return nothing_lost(maybe_deferred(f, passed));
    } else {
      return nothing_lost(maybe_deferred(f));
    }
  }

  template <class T>
  static deferred<T> nothing_lost(deferred<T> called) {
    static_assert(std::is_void_v<T>,
                  "nobody takes what the function of a looping_call returns: let it return void, result<void> or "
                  "deferred<void>");
    return called;
  }

  std::shared_ptr<detail::beating> beating_;  // shared with the coroutine that beats
};

}  // namespace whorl
