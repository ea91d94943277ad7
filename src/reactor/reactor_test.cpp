#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <whorl/deferred/log.h>
#include <whorl/reactor/reactor.h>
#include <whorl/reactor/within.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "reactor/backend_suite.h"

namespace whorl {
namespace {

using namespace std::chrono_literals;

std::unique_ptr<backend> epoll() { return std::move(make_epoll_backend().value()); }

class Reactor : public testing::Test {
 protected:
  reactor loop{epoll()};
  std::vector<int> order;

  // Runs the loop until the deferred has fired.
  template <class T>
  outcome<detail::stored<T>> outcome_of(deferred<T> work) {
    std::optional<outcome<detail::stored<T>>> how;
    auto watched = std::move(work).add_both([&](auto ended) {
      how = std::move(ended);
      loop.stop();
    });
    loop.run();
    return std::move(*how);
  }

  template <class T>
  T finish(deferred<T> work) {
    auto how = outcome_of(std::move(work));
    if (!how) {
      how.error().raise();
    }
    if constexpr (!std::is_void_v<T>) {
      return std::move(*how);
    }
  }
};

TEST_F(Reactor, S69_RunWhileRunningIsMisuse) {
  bool threw = false;
  loop.call_later(0s,
                  [&] {
                    try {
                      loop.run();
                    } catch (const misuse&) {
                      threw = true;
                    }
                    loop.stop();
                  })
      .detach();
  loop.run();
  EXPECT_TRUE(threw);
}

TEST_F(Reactor, S69_RunsAgainAfterItStopped) {
  for (int round = 1; round <= 3; ++round) {
    loop.call_later(0s,
                    [&] {
                      order.push_back(round);
                      loop.stop();
                      loop.stop();
                    })
        .detach();
    loop.run();
    EXPECT_FALSE(loop.running());
  }
  EXPECT_EQ(order, std::vector({1, 2, 3}));
}

TEST_F(Reactor, StopBeforeRunStopsItAtOnce) {
  loop.stop();
  loop.run();
  EXPECT_FALSE(loop.running());
}

TEST_F(Reactor, ATurnInsideATurnIsMisuse) {
  bool threw = false;
  loop.call_from_thread([&] {
    try {
      loop.turn(loop.now());
    } catch (const misuse&) {
      threw = true;
    }
  });
  loop.turn(loop.now());
  EXPECT_TRUE(threw);
}

TEST_F(Reactor, EveryCallOnAnotherThreadIsMisuse) {
  std::string said;
  std::thread([&] {
    try {
      loop.call_later(1s, [] {}).detach();
    } catch (const misuse& wrong) {
      said = wrong.what();
    }
    EXPECT_THROW(loop.stop(), misuse);
    EXPECT_THROW(loop.run(), misuse);
    EXPECT_THROW(static_cast<void>(loop.sleep(1s)), misuse);
    EXPECT_THROW(reactor::of_this_thread("listen"), misuse);
    EXPECT_FALSE(loop.in_loop_thread());
  }).join();
  EXPECT_NE(said.find("call_later() was called on another thread"), std::string::npos) << said;
  EXPECT_NE(said.find("call_from_thread"), std::string::npos) << said;
}

TEST_F(Reactor, AThreadHasOneKernelReactor) {
  EXPECT_THROW(reactor{epoll()}, misuse);
  EXPECT_EQ(&reactor::of_this_thread("test"), &loop);
}

TEST_F(Reactor, S43_ADelayedCallIsNeverEarly) {
  const time_point asked = loop.now();
  std::optional<time_point> ran;
  loop.call_later(3ms, [&] { ran = loop.now(); }).detach();
  finish(loop.sleep(4ms));
  ASSERT_TRUE(ran);
  EXPECT_GE(*ran - asked, 3ms);
}

TEST_F(Reactor, S44_ACallWithoutDelayRunsInALaterTurn) {
  loop.call_later(0s,
                  [&] {
                    order.push_back(1);
                    loop.call_later(0s, [&] { order.push_back(2); }).detach();
                  })
      .detach();
  loop.turn(loop.now());
  EXPECT_EQ(order, std::vector({1}));
  loop.turn(loop.now());
  EXPECT_EQ(order, std::vector({1, 2}));
}

TEST_F(Reactor, S75_ATurnWithoutTimeDoesNotWait) {
  loop.call_later(std::chrono::hours(1), [] {}).detach();
  loop.turn(loop.now());
  loop.turn(time_point());
}

TEST_F(Reactor, SleepFiresWhenTheTimeHasPassed) {
  const time_point asked = loop.now();
  finish(loop.sleep(2ms));
  EXPECT_GE(loop.now() - asked, 2ms);
}

TEST_F(Reactor, S50_ACancelledSleepFailsAtOnceAndTakesItsTimerAway) {
  auto waiting = loop.sleep(std::chrono::hours(1));
  waiting.cancel();
  ASSERT_TRUE(waiting.ready());
  EXPECT_TRUE(std::move(waiting).take().error().check(errc::cancelled));
}

TEST_F(Reactor, ADroppedSleepIsForgotten) {
  {
    auto waiting = loop.sleep(0s);
  }
  loop.turn(loop.now());
}

deferred<int> sleep_then(reactor& loop, duration time, int value) {
  co_await loop.sleep(time);
  co_return value;
}

deferred<int> swallow_cancellation(reactor& loop) {
  try {
    co_await loop.sleep(std::chrono::hours(1));
  } catch (const error&) {
    // Cleaning up may take its time: the limit waits for it.
  }
  co_await loop.sleep(1ms);
  co_return 7;
}

TEST_F(Reactor, S21_WithinGivesTheResultThatComesInTime) {
  EXPECT_EQ(finish(within(loop, sleep_then(loop, 1ms, 5), std::chrono::hours(1))), 5);
  EXPECT_EQ(finish(within(loop, succeed(6), 0s)), 6);
}

TEST_F(Reactor, S21_WithinTurnsItsOwnCancellationIntoTimedOut) {
  const auto how = outcome_of(within(loop, sleep_then(loop, std::chrono::hours(1), 5), 1ms));
  ASSERT_FALSE(how);
  EXPECT_TRUE(how.error().check(errc::timed_out));
}

TEST_F(Reactor, S21_WithinLeavesAnOutsideCancellationACancellation) {
  auto limited = within(loop, sleep_then(loop, std::chrono::hours(1), 5), std::chrono::hours(1));
  limited.cancel();
  ASSERT_TRUE(limited.ready());
  EXPECT_TRUE(std::move(limited).take().error().check(errc::cancelled));
}

TEST_F(Reactor, S21_WithinKeepsTheResultOfOneThatSwallowsTheCancellation) {
  EXPECT_EQ(finish(within(loop, swallow_cancellation(loop), 1ms)), 7);
}

TEST_F(Reactor, DroppingWithinDropsTheWork) {
  {
    auto limited = within(loop, sleep_then(loop, 0s, 5), 0s);
  }
  loop.turn(loop.now());
}

TEST_F(Reactor, ReadableFiresWhenThereIsSomethingToRead) {
  const unique_fd fd(::eventfd(0, EFD_CLOEXEC));
  auto waiting = loop.readable(fd.get());
  loop.turn(loop.now());
  EXPECT_FALSE(waiting.ready());
  ::eventfd_write(fd.get(), 1);
  finish(std::move(waiting));
}

TEST_F(Reactor, OneDescriptorMayBeWatchedForBothAndBySeveral) {
  const unique_fd fd(::eventfd(0, EFD_CLOEXEC));
  auto reading = loop.readable(fd.get());
  auto reading_too = loop.readable(fd.get());
  auto dropped = std::optional(loop.readable(fd.get()));
  finish(loop.writable(fd.get()));
  EXPECT_FALSE(reading.ready());
  dropped.reset();
  ::eventfd_write(fd.get(), 1);
  finish(std::move(reading));
  finish(std::move(reading_too));
  finish(loop.readable(fd.get()));
}

// Waits for `fd`, puts another file under its number, and waits again.
deferred<void> wait_replace_wait(reactor* loop, int fd, int other, int* waits) {
  co_await loop->readable(fd);
  ++*waits;
  ::dup2(other, fd);
  co_await loop->readable(fd);
  ++*waits;
}

TEST_F(Reactor, ADescriptorWhoseNumberIsTakenByAnotherFileIsWatchedAnew) {
  const unique_fd first(::eventfd(1, 0));
  const unique_fd second(::eventfd(0, 0));
  int waits = 0;
  auto work = wait_replace_wait(&loop, first.get(), second.get(), &waits);
  for (int turn = 0; turn < 10; ++turn) {
    loop.turn(loop.now());
  }
  EXPECT_EQ(waits, 1);
  EXPECT_EQ(::eventfd_write(first.get(), 1), 0);
  finish(std::move(work));
  EXPECT_EQ(waits, 2);
}

TEST_F(Reactor, ReadableOfAClosedDescriptorFails) {
  auto waiting = loop.readable(987);
  ASSERT_TRUE(waiting.ready());
  EXPECT_EQ(std::move(waiting).take().error().error().code().value(), EBADF);
}

TEST_F(Reactor, ACancelledReadableLetsGoOfTheDescriptor) {
  const unique_fd fd(::eventfd(0, EFD_CLOEXEC));
  auto waiting = loop.readable(fd.get());
  waiting.cancel();
  ASSERT_TRUE(waiting.ready());
  EXPECT_TRUE(std::move(waiting).take().error().check(errc::cancelled));
  ::eventfd_write(fd.get(), 1);
  loop.turn(loop.now());
}

TEST_F(Reactor, S71_ShutdownTriggersRunInOrderAndAreAwaitedWithTheLoopAlive) {
  const auto first = loop.before_shutdown([&]() -> deferred<void> {
    order.push_back(1);
    return loop.sleep(2ms).add_callback([&] { order.push_back(3); });
  });
  const auto second = loop.before_shutdown([&]() -> deferred<void> {
    order.push_back(2);
    return succeed();
  });
  loop.stop();
  EXPECT_TRUE(order.empty());
  loop.run();
  EXPECT_EQ(order, std::vector({1, 2, 3}));
}

TEST_F(Reactor, S71_AFailingTriggerIsLoggedAndDoesNotStopTheOthers) {
  std::string line;
  const log_sink before = set_log_sink([&](log_level, std::string_view text) { line += text; });
  const auto throwing = loop.before_shutdown([]() -> deferred<void> { throw std::runtime_error("first trigger"); });
  const auto failing = loop.before_shutdown([]() -> deferred<void> { return fail<void>(errc::not_found); });
  const auto last = loop.before_shutdown([&]() -> deferred<void> {
    order.push_back(1);
    return succeed();
  });
  loop.stop();
  loop.run();
  set_log_sink(before);
  EXPECT_EQ(order, std::vector({1}));
  EXPECT_NE(line.find("first trigger"), std::string::npos);
  EXPECT_NE(line.find("not found"), std::string::npos);
}

TEST_F(Reactor, S73_DroppingTheHandleTakesATriggerBack) {
  {
    const auto dropped = loop.before_shutdown([&]() -> deferred<void> {
      order.push_back(1);
      return succeed();
    });
  }
  loop.stop();
  loop.run();
  EXPECT_TRUE(order.empty());
}

TEST_F(Reactor, S76_ASignalStopsTheLoopInOrderAndIsRemembered) {
  const auto trigger = loop.before_shutdown([&]() -> deferred<void> {
    order.push_back(1);
    return succeed();
  });
  loop.call_later(0s, [] { ::raise(SIGTERM); }).detach();
  loop.run();
  EXPECT_EQ(loop.stopped_by_signal(), SIGTERM);
  EXPECT_EQ(order, std::vector({1}));
}

TEST_F(Reactor, ASecondSignalGivesUpWaitingForTheShutdown) {
  const auto stuck = loop.before_shutdown([&]() -> deferred<void> {
    loop.call_later(1ms, [] { ::raise(SIGINT); }).detach();
    return loop.sleep(std::chrono::hours(1));
  });
  loop.call_later(0s, [] { ::raise(SIGINT); }).detach();
  loop.run();
  EXPECT_EQ(loop.stopped_by_signal(), SIGINT);
}

TEST_F(Reactor, ASignalFromAnotherThreadWakesALoopThatWaits) {
  std::thread other;
  loop.call_later(0s, [&] { other = std::thread([] { ::raise(SIGINT); }); }).detach();
  loop.run();
  other.join();
  EXPECT_EQ(loop.stopped_by_signal(), SIGINT);
}

TEST_F(Reactor, S77_DispositionsAreRestored) {
  loop.stop();
  loop.run();
  struct sigaction now{};
  ::sigaction(SIGINT, nullptr, &now);
  EXPECT_EQ(now.sa_handler, SIG_DFL);
}

TEST_F(Reactor, S76_AHandlerOfTheProgramsOwnIsLeftAlone) {
  static volatile sig_atomic_t own = 0;
  const auto kept = std::signal(SIGINT, [](int) { own = 1; });
  loop.call_later(0s,
                  [&] {
                    ::raise(SIGINT);
                    loop.stop();
                  })
      .detach();
  loop.run();
  std::signal(SIGINT, kept);
  EXPECT_EQ(own, 1);
  EXPECT_EQ(loop.stopped_by_signal(), 0);
}

class resident final : public owned_by_loop {
 public:
  resident(reactor& loop, std::vector<int>& order, int name) : loop_(loop), order_(order), name_(name) {}
  ~resident() override { order_.push_back(name_); }
  void loop_stopping() noexcept override {
    order_.push_back(-name_);
    loop_.dispose(*this);
  }

 private:
  reactor& loop_;
  std::vector<int>& order_;
  int name_;
};

TEST_F(Reactor, S96_WhatIsDisposedOfDiesLaterInTheTurn) {
  auto* owned = loop.adopt(std::make_unique<resident>(loop, order, 1));
  loop.call_later(0s,
                  [&] {
                    loop.dispose(*owned);
                    loop.dispose(*owned);
                    order.push_back(0);
                  })
      .detach();
  loop.turn(loop.now());
  EXPECT_EQ(order, std::vector({0, 1}));
}

TEST_F(Reactor, S74_WhatTheLoopOwnsIsToldWhenItStops) {
  loop.adopt(std::make_unique<resident>(loop, order, 1));
  loop.adopt(std::make_unique<resident>(loop, order, 2));
  loop.stop();
  loop.run();
  ASSERT_EQ(order.size(), 4U);
  EXPECT_LT(order[0], 0);
  EXPECT_LT(order[1], 0);
}

TEST(ReactorsEnd, TellsAndDestroysWhatItOwns) {
  std::vector<int> order;
  {
    reactor loop(epoll());
    loop.adopt(std::make_unique<resident>(loop, order, 1));
  }
  EXPECT_EQ(order, std::vector({-1, 1}));
}

// The loop's own rules, over every back end.
class ReactorOn : public testing::TestWithParam<kind> {
 protected:
  void SetUp() override {
    if (GetParam() == kind::memory) {
      loop.emplace(make_memory_backend(make_memory_network(std::random_device{}())));
      return;
    }
    auto made = GetParam() == kind::epoll ? make_epoll_backend() : make_uring_backend();
    if (!made) {
      GTEST_SKIP() << made.error().what();
    }
    loop.emplace(std::move(*made));
  }

  std::optional<reactor> loop;
};

INSTANTIATE_TEST_SUITE_P(, ReactorOn, testing::Values(kind::epoll, kind::uring, kind::memory), [](const auto& what) {
  return what.param == kind::epoll ? "epoll" : what.param == kind::uring ? "uring" : "memory";
});

TEST_P(ReactorOn, S43_TenThousandTimersRunInTheirOrderAndNeverEarly) {
  constexpr int count = 10000;
  std::mt19937 random(1);
  std::vector<time_point> ran;
  for (int i = 0; i < count; ++i) {
    const duration delay = 1us * (random() % 50000);
    const time_point due = loop->now() + delay;
    loop->call_later(delay,
                     [&, due] {
                       EXPECT_GE(loop->now(), due);
                       ran.push_back(due);
                       if (ran.size() == count) {
                         loop->stop();
                       }
                     })
        .detach();
    if (i % 2 == 0) {
      const auto cancelled = loop->call_later(delay, [] { ADD_FAILURE() << "a cancelled call ran"; });
    }
  }
  loop->run();
  EXPECT_EQ(ran.size(), static_cast<std::size_t>(count));
}

TEST_P(ReactorOn, S53_CallsFromAThreadEndTheWait) {
  std::thread other;
  loop->call_from_thread([&] { other = std::thread([&] { loop->stop_from_thread(); }); });
  loop->run();
  other.join();
}

TEST_P(ReactorOn, S55_WakingSurvivesAFullWakePipe) {
  constexpr int more_than_a_pipe_holds = 70'000;
  for (int time = 0; time < 2; ++time) {
    for (int wake = 0; wake < more_than_a_pipe_holds; ++wake) {
      loop->io().wake();
    }
    std::thread other;
    loop->call_from_thread([&] { other = std::thread([&] { loop->stop_from_thread(); }); });
    loop->run();
    other.join();
  }
}

TEST_P(ReactorOn, S67_OnlyTheLoopsThreadIsIts) {
  EXPECT_TRUE(loop->in_loop_thread());
  std::thread([&] { EXPECT_FALSE(loop->in_loop_thread()); }).join();
  loop->call_from_thread([&] {
    EXPECT_TRUE(loop->in_loop_thread());
    loop->stop();
  });
  loop->run();
}

TEST_P(ReactorOn, S78_CallsFromThreadsComeBeforeTimersAndTimersBeforeEvents) {
  accepting accepts;
  const auto port = std::move(loop->io().listen(address::tcp("127.0.0.1", 0).value(), {}, accepts).value());
  connecting attempt;
  const auto trying = loop->io().connect(port->local_address(), attempt);
  std::vector<std::string> order;
  accepts.on_accepted = [&](stream_end&) {
    order.emplace_back("event");
    loop->call_later(0s, [&] { order.emplace_back("timer"); }).detach();
    loop->call_from_thread([&] { order.emplace_back("call"); });
  };
  while (order.empty()) {
    loop->turn(loop->now() + 1ms);
  }
  loop->turn(loop->now());
  EXPECT_EQ(order, std::vector<std::string>({"event", "call", "timer"}));
}

TEST_P(ReactorOn, S71_WhatIsWrittenDuringTheShutdownIsStillSent) {
  accepting accepts;
  const auto port = std::move(loop->io().listen(address::tcp("127.0.0.1", 0).value(), {}, accepts).value());
  connecting attempt;
  const auto trying = loop->io().connect(port->local_address(), attempt);
  while (!attempt.over() || accepts.ends.empty()) {
    loop->turn(loop->now() + 1ms);
  }
  const auto trigger = loop->before_shutdown([&]() -> deferred<void> {
    attempt.end->write("farewell");
    return succeed();
  });
  loop->stop();
  loop->run();
  accepts.ends[0]->stream->start_receiving();
  for (int turn = 0; turn < 1000 && accepts.ends[0]->received != "farewell"; ++turn) {
    loop->turn(loop->now() + 1ms);
  }
  EXPECT_EQ(accepts.ends[0]->received, "farewell");
}

TEST_F(Reactor, CountsItsTurnsWithoutItsSleep) {
  finish(loop.sleep(20ms));
  EXPECT_GE(loop.turns().count, 1U);
  EXPECT_LT(loop.turns().longest, 15ms);
  std::uint64_t counted = 0;
  for (const auto bucket : loop.turns().counts) {
    counted += bucket;
  }
  EXPECT_EQ(counted, loop.turns().count);
}

void compute_for(duration time) {
  const auto until = std::chrono::steady_clock::now() + time;
  while (std::chrono::steady_clock::now() < until) {
  }
}

TEST_F(Reactor, NamesTheCallbacksThatTookLongest) {
  finish(loop.sleep(1ms));
  loop.call_later(0s, [] { compute_for(5ms); }).detach();
  loop.call_from_thread([] { compute_for(9ms); });
  finish(loop.sleep(1ms));
  const loop_statistics seen = loop.statistics();
  EXPECT_GE(seen.callbacks.count, 4U);
  const auto took = [&](std::string_view begin) {
    for (const long_callback& each : seen.longest_callbacks) {
      const std::string name = each.name.describe();
      if (name.starts_with(begin) && name.contains("reactor_test.cpp:")) {
        return each.took;
      }
    }
    return duration::zero();
  };
  EXPECT_GE(took("a call from another thread from "), 8ms);  // a tick is known within some parts in a thousand
  EXPECT_GE(took("a timed call from "), 4ms);
}

TEST_F(Reactor, SaysOfItsLongestTurnsWhatTheyWereAt) {
  for (int i = 0; i < 3; ++i) {
    loop.call_later(0s, [] { compute_for(2ms); }).detach();
  }
  finish(loop.sleep(1ms));
  const loop_statistics seen = loop.statistics();
  ASSERT_FALSE(seen.longest_turns.empty());
  EXPECT_GE(seen.longest_turns[0].took, 5ms);
  EXPECT_GE(seen.longest_turns[0].callbacks, 3U);
  EXPECT_GE(seen.longest_turns[0].longest.took, 1ms);
  EXPECT_NE(seen.longest_turns[0].longest.name.what, nullptr);
}

TEST_F(Reactor, CallbacksOfOneNameAreKeptOnce) {
  for (int i = 0; i < 20; ++i) {
    loop.call_later(0s, [] { compute_for(1ms); }).detach();
  }
  finish(loop.sleep(1ms));
  const auto kept = loop.statistics().longest_callbacks;
  ASSERT_FALSE(kept.empty());
  for (std::size_t i = 1; i < kept.size(); ++i) {
    EXPECT_FALSE(kept[0].name == kept[i].name) << kept[0].name.describe();
  }
}

TEST_F(Reactor, ACallFromAWrongThreadNamesTheLoopAndBothThreads) {
  std::string said;
  std::thread([&] {
    try {
      loop.stop();
    } catch (const misuse& wrong) {
      said = wrong.what();
    }
  }).join();
  EXPECT_TRUE(said.starts_with("stop() was called on another thread than the loop's, on thread ")) << said;
  EXPECT_NE(said.find(fmt::format("but the loop at {} belongs to thread {} (", fmt::ptr(&loop), ::gettid())),
            std::string::npos)
      << said;
}

}  // namespace
}  // namespace whorl
