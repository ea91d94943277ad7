#include <whorl/places/thread_callback.h>

#include "deferred/captured_log.h"
#include "places/test_loop.h"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace whorl {
namespace {

// Calls back on a thread of its own.
class sensor {
 public:
  void on_sample(std::function<void(std::string)> taken) { taken_.push_back(std::move(taken)); }
  void sample(const std::string& what) {
    std::thread([taken = std::exchange(taken_, {}), what] {
      for (const auto& each : taken) {
        each(what);
      }
    }).join();
  }
  void break_down() {
    std::thread([taken = std::exchange(taken_, {})]() mutable { taken.clear(); }).join();
  }

 private:
  std::vector<std::function<void(std::string)>> taken_;
};

deferred<std::string> next_sample(sensor& from) {
  return from_thread_callback<std::string>([&](thread_callback<std::string> done) { from.on_sample(std::move(done)); });
}

TEST(ThreadCallback, FiresOnTheLoop) {
  test_loop loop;
  sensor thermometer;
  std::thread::id fired_on;
  auto taken = next_sample(thermometer).add_callback([&](std::string what) {
    fired_on = std::this_thread::get_id();
    return what;
  });
  thermometer.sample("20 C");
  EXPECT_FALSE(taken.ready());
  EXPECT_EQ(loop.run(std::move(taken)), "20 C");
  EXPECT_EQ(fired_on, std::this_thread::get_id());
}

TEST(ThreadCallback, TakesNothingAndFailures) {
  test_loop loop;
  std::optional<thread_callback<void>> called;
  auto nothing = from_thread_callback<void>([&](const thread_callback<void>& done) { called = done; });
  std::thread([&] { (*called)(); }).join();
  loop.run(std::move(nothing));
  auto failed = from_thread_callback<void>([&](const thread_callback<void>& done) { called = done; });
  std::thread([&] { called->errback(errc::not_found); }).join();
  EXPECT_TRUE(loop.run_to_failure(std::move(failed)).check(errc::not_found));
}

TEST(ThreadCallback, DestroyedUncalledIsABrokenPromise) {
  test_loop loop;
  sensor thermometer;
  auto taken = next_sample(thermometer);
  thermometer.break_down();
  EXPECT_TRUE(loop.run_to_failure(std::move(taken)).check(errc::broken_promise));
}

TEST(ThreadCallback, CalledTwiceSaysSoAndDoesNothing) {
  const captured_log log;
  test_loop loop;
  std::optional<thread_callback<int>> called;
  auto answer = from_thread_callback<int>([&](const thread_callback<int>& done) { called = done; });
  std::thread([&] {
    (*called)(1);
    (*called)(2);
  }).join();
  EXPECT_EQ(loop.run(std::move(answer)), 1);
  EXPECT_NE(log.text.find("called a second time"), std::string::npos) << log.text;
}

TEST(ThreadCallback, CancellingStopsTheOperationAndALateCallIsThrownAway) {
  const captured_log log;
  test_loop loop;
  sensor thermometer;
  int stopped = 0;
  const auto start = [&](thread_callback<std::string> done) {
    thermometer.on_sample(std::move(done));
    return [&] { ++stopped; };
  };
  auto cancelled = from_thread_callback<std::string>(start);
  cancelled.cancel();
  EXPECT_TRUE(std::move(cancelled).take().error().check(errc::cancelled));
  {
    auto dropped = from_thread_callback<std::string>(start);
  }
  EXPECT_EQ(stopped, 2);
  thermometer.sample("20 C");
  loop.get().turn(loop.get().now());
  EXPECT_EQ(log.text, "");
}

TEST(ThreadCallback, ACallThatIsOnItsWayWhenTheWaitIsCancelledIsThrownAway) {
  test_loop loop;
  sensor thermometer;
  auto taken = next_sample(thermometer);
  thermometer.sample("20 C");
  taken.cancel();
  loop.get().turn(loop.get().now());
  EXPECT_TRUE(std::move(taken).take().error().check(errc::cancelled));
}

TEST(ThreadCallback, S63_WhenTheLoopEndsTheWaitFailsAndTheOperationIsStopped) {
  std::optional<test_loop> loop(std::in_place);
  sensor thermometer;
  bool stopped = false;
  auto taken = from_thread_callback<std::string>([&](thread_callback<std::string> done) {
    thermometer.on_sample(std::move(done));
    return [&] { stopped = true; };
  });
  loop.reset();
  EXPECT_TRUE(stopped);
  EXPECT_TRUE(std::move(taken).take().error().check(errc::shutting_down));
  thermometer.sample("20 C");
}

TEST(ThreadCallback, WhatTheStartThrowsFailsIt) {
  test_loop loop;
  sensor thermometer;
  auto taken = from_thread_callback<std::string>([&](thread_callback<std::string> done) {
    thermometer.on_sample(std::move(done));
    throw error(errc::full);
  });
  EXPECT_TRUE(std::move(taken).take().error().check(errc::full));
  thermometer.sample("20 C");
  loop.get().turn(loop.get().now());
}

TEST(ThreadCallback, ManyThreadsMayCallWhileTheLoopTurns) {
  test_loop loop;
  constexpr int calls = 1000;
  int sum = 0;
  std::vector<deferred<void>> waiting;
  std::vector<thread_callback<int>> callbacks;
  for (int i = 0; i < calls; ++i) {
    waiting.push_back(from_thread_callback<int>([&](const thread_callback<int>& done) {
                        callbacks.push_back(done);
                      }).add_callback([&](int value) { sum += value; }));
  }
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = t; i < calls; i += 4) {
        callbacks[i](i);
      }
    });
  }
  for (const auto& each : waiting) {
    loop.turn_until_ready(each);
  }
  for (auto& each : threads) {
    each.join();
  }
  EXPECT_EQ(sum, calls * (calls - 1) / 2);
}

}  // namespace
}  // namespace whorl
