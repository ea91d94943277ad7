// whorl::run is main's main: it makes a loop, runs a coroutine on it to its end, and turns the outcome into the
// program's exit status.
//
//     deferred<int> serve(reactor& loop, options chosen) { ... }
//     int main() { return whorl::run(serve, chosen); }
//
// When SIGINT, SIGTERM or reactor::stop() come first, everything given to before_shutdown runs while the coroutine goes
// on; then the coroutine is cancelled, and waited for; one that does not end within 10 seconds is dropped.
//
// Thread: makes the calling thread the loop's.
#pragma once

#include <whorl/deferred/deferred.h>
#include <whorl/reactor/reactor.h>

#include <concepts>
#include <exception>
#include <functional>
#include <type_traits>
#include <utility>

namespace whorl {

// Thrown anywhere in main's coroutine and caught nowhere in it, this ends the program in order, with an exit status.
class exit_request : public std::exception {
 public:
  explicit exit_request(int status) noexcept : status_(status) {}
  int status() const noexcept { return status_; }
  const char* what() const noexcept override { return "an exit was requested"; }

 private:
  int status_;
};

namespace detail {

// Logs what the making of a loop throws, and then answers 1.
int run_on_a_new_loop(std::move_only_function<deferred<int>(reactor&)> main);

}  // namespace detail

// `main` is given the loop and `args`, and returns a deferred<void> or a deferred<int>. Returns its int; 0 for void, and
// when the coroutine ended with the cancellation of a shutdown; what an exit_request says; 1 for any other failure, which
// is logged, and for a coroutine that had to be dropped (S51). It may be ready before the loop runs.
template <class Main, class... Args>
int run(Main main, Args... args) {
  return detail::run_on_a_new_loop([&](reactor& loop) -> deferred<int> {
    auto work = std::invoke(main, loop, std::move(args)...);
    if constexpr (std::same_as<decltype(work), deferred<void>>) {
      return std::move(work).add_callback([] { return 0; });
    } else {
      static_assert(std::same_as<decltype(work), deferred<int>>, "main returns a deferred<void> or a deferred<int>");
      return work;
    }
  });
}

}  // namespace whorl
