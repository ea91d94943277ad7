// A test_loop is a loop for unit tests: in memory, with a clock that stands still until the test moves it.
//
//     test_loop loop;
//     deferred<void> nap = loop->sleep(5s);
//     loop.advance(4s);   EXPECT_THAT(nap, is_pending());
//     loop.advance(1s);   EXPECT_THAT(nap, fires());
//
// Streams connect within it, by "tcp:127.0.0.1:80" or "unix:/any/name"; nothing outside sees them.
//
// Thread:   the test's, one of them.
// Lifetime: outlives what is made with it. When it dies, what is left on the loop dies unheard.
#pragma once

#include <whorl/testing/simulation.h>

#include <functional>
#include <initializer_list>
#include <string_view>
#include <utility>

namespace whorl::testing {

class test_loop {
 public:
  // The seed chooses among the legal orders of I/O events; calls and timers have one order only.
  explicit test_loop(std::uint64_t seed = 1) : world_(seed), host_(world_.add_host("")) {}

  reactor& operator*() { return host_.loop(); }
  reactor* operator->() { return &host_.loop(); }
  time_point now() const noexcept { return world_.now(); }

  // One turn of the loop, in which no time passes.
  void turn();

  // Moves the clock, by one jump, and turns the loop once: what is due by then runs, what that schedules in its turn
  // runs with the next one, also without a delay. So does a loop that was held up so long.
  void advance(duration by);

  // Several times advance().
  void pump(std::initializer_list<duration> steps);

  // Turns until nothing is left to do at this moment.
  void settle() { world_.settle(); }

  // Lets time pass as it does for a loop that is not held up: the clock stops at everything that is due.
  void run_for(duration time) { world_.run_for(time); }

  // The same until it fires, or holds. Throws run_failed where that can never be. run() hands over the value, or throws
  // what it fails with.
  template <class T>
  T run(deferred<T> awaited) {
    return world_.run(std::move(awaited));
  }
  template <class T>
  void run_until(const deferred<T>& awaited) {
    world_.run_until(awaited);
  }
  void run_until(const std::function<bool()>& holds, std::string_view what) { world_.run_until(holds, what); }

  // What happens to the bytes of its streams; by default nothing takes time, and pieces are cut at random.
  void set_faults(const link_faults& faults) { world_.set_faults(host_, host_, faults); }

 private:
  simulation world_;
  host& host_;
};

}  // namespace whorl::testing
