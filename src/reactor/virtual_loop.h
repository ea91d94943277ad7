// A loop in virtual time for the tests of this floor: hours pass at once, and always in the same way.
#pragma once

#include <whorl/reactor/reactor.h>

#include <gtest/gtest.h>

#include <functional>
#include <utility>

namespace whorl {

class virtual_loop : public testing::Test {
 protected:
  // Lets so much time pass, with everything that is due in it.
  void advance(duration time) {
    const time_point end = loop.now() + time;
    while (loop.now() < end) {
      loop.turn(end);
    }
    turn();
  }

  // One turn, in which no time passes.
  void turn() { loop.turn(loop.now()); }

  time_point began() const noexcept { return began_; }
  duration passed() const noexcept { return loop.now() - began_; }

  // Runs it inside the loop.
  void in_turn(std::move_only_function<void()> call) {
    loop.call_from_thread(std::move(call));
    turn();
  }

  reactor loop{make_memory_backend(make_memory_network(1))};

 private:
  const time_point began_ = loop.now();
};

template <class T>
bool failed_with(deferred<T> ended, errc code) {
  const auto how = std::move(ended).take();
  return !how && how.error().check(code);
}

}  // namespace whorl
