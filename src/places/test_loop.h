// A loop on a kernel back end, io_uring unless WHORL_BACKEND says otherwise, for tests that need real threads or
// descriptors and so cannot have virtual time. CMake runs them on both (ALSO_ON).
#pragma once

#include <whorl/deferred/deferred.h>
#include <whorl/places/transferable.h>
#include <whorl/reactor/reactor.h>

#include <gtest/gtest.h>

#include <chrono>
#include <type_traits>
#include <utility>

namespace whorl {

// Far beyond what any test takes; only a broken one gets there.
inline constexpr std::chrono::seconds hung{60};

class test_loop {
 public:
  test_loop() = default;
  explicit test_loop(std::chrono::milliseconds takes) : patience_(takes + hung) {}

  reactor& get() noexcept { return loop_; }

  template <class T>
  void turn_until_ready(const deferred<T>& awaited) {
    turn_until([&awaited] { return awaited.ready(); });
  }

  template <class Condition>
  void turn_until(Condition holds) {
    const time_point late = loop_.now() + patience_;
    while (!holds()) {
      ASSERT_LT(loop_.now(), late) << "the loop was turned for " << patience_.count() / 1000
                                   << " s and what was waited for did not happen";
      loop_.turn(loop_.now() + std::chrono::milliseconds(1));  // a turn delivers first and waits then
    }
  }

  // The value, or a failure of the test and the exception.
  template <class T>
  T run(deferred<T> awaited) {
    turn_until_ready(awaited);
    outcome<detail::stored<T>> result = std::move(awaited).take();
    if (!result) {
      result.error().raise();
    }
    if constexpr (!std::is_void_v<T>) {
      return std::move(*result);
    }
  }

  template <class T>
  failure run_to_failure(deferred<T> awaited) {
    turn_until_ready(awaited);
    outcome<detail::stored<T>> result = std::move(awaited).take();
    if (result) {
      ADD_FAILURE() << "it did not fail";
      return errc::unsupported;
    }
    return result.error();
  }

 private:
  const std::chrono::milliseconds patience_ = hung;
  reactor loop_;
};

// A pointer to something of the test's, for the function of a call.
template <class T>
auto lend(T& object) {
  return unchecked(&object, "the test outlives the call");
}

}  // namespace whorl
