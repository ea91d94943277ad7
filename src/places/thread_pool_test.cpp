#include <whorl/places/defer_to.h>

#include "deferred/captured_log.h"
#include "places/gate.h"
#include "places/test_loop.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pthread.h>

#include <array>
#include <atomic>
#include <csignal>
#include <memory>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace whorl {
namespace {

std::thread::id this_thread() { return std::this_thread::get_id(); }

int twice(int value) { return 2 * value; }

int refuse(std::string why) { throw std::runtime_error(why); }

result<int> parse(std::string text) {
  if (text.empty()) {
    return std::unexpected(error(errc::bad_input, "nothing to parse"));
  }
  return std::stoi(text);
}

deferred<int> hold(thread_pool& pool, gate& at, int answer = 0) { return defer_to(pool, wait_at, lend(at), answer); }

TEST(ThreadPool, S56_AFunctionRunsInAPoolThreadAndItsResultArrivesOnTheLoop) {
  test_loop loop;
  thread_pool pool;
  std::thread::id delivered_on;
  auto ran_on = loop.run(defer_to(pool, this_thread).add_callback([&](std::thread::id in_pool) {
    delivered_on = std::this_thread::get_id();
    return in_pool;
  }));
  EXPECT_NE(ran_on, std::this_thread::get_id());
  EXPECT_EQ(delivered_on, std::this_thread::get_id());
}

TEST(ThreadPool, S56_AnExceptionOfTheFunctionFailsTheDeferred) {
  test_loop loop;
  thread_pool pool;
  const failure why = loop.run_to_failure(defer_to(pool, refuse, std::string("no")));
  EXPECT_STREQ(why.error().what(), "no");
  EXPECT_THROW(why.raise(), std::runtime_error);
}

TEST(ThreadPool, AResultIsTakenApart) {
  test_loop loop;
  thread_pool pool;
  EXPECT_EQ(loop.run(defer_to(pool, parse, std::string("7"))), 7);
  EXPECT_TRUE(loop.run_to_failure(defer_to(pool, parse, std::string())).check(errc::bad_input));
}

deferred<int> add_up(thread_pool& pool) {
  int sum = 0;
  for (int i = 1; i <= 4; ++i) {
    int doubled = co_await defer_to(pool, twice, i);
    sum += doubled;
  }
  co_return sum;
}

TEST(ThreadPool, CoroutinesAwaitIt) {
  test_loop loop;
  thread_pool pool;
  EXPECT_EQ(loop.run(add_up(pool)), 20);
}

TEST(ThreadPool, S57_WorkMayBeGivenBeforeTheLoopRunsAndResultsWaitForIt) {
  reactor loop;
  thread_pool pool;
  std::optional<int> answer;
  auto asked = defer_to(pool, twice, 21).add_callback([&](int value) {
    answer = value;
    loop.stop();
  });
  EXPECT_FALSE(answer);
  loop.run();
  EXPECT_EQ(answer, 42);
}

// Leaves a note of the thread that it dies on.
class death_note {
 public:
  explicit death_note(std::atomic<std::thread::id>& died_on) : died_on_(&died_on) {}
  death_note(death_note&& other) noexcept : died_on_(std::exchange(other.died_on_, nullptr)) {}
  death_note& operator=(death_note&&) = delete;
  ~death_note() {
    if (died_on_ != nullptr) {
      *died_on_ = std::this_thread::get_id();
    }
  }
  std::thread::id operator()(const death_note& /*argument*/) const { return std::this_thread::get_id(); }

 private:
  std::atomic<std::thread::id>* died_on_;
};

TEST(ThreadPool, S58_FunctionAndArgumentsDieInTheThreadBeforeTheResultIsDelivered) {
  test_loop loop;
  thread_pool pool;
  std::atomic<std::thread::id> function_died_on;
  std::atomic<std::thread::id> argument_died_on;
  auto ran_on = loop.run(defer_to(pool, unchecked(death_note(function_died_on), "its death is what is tested"),
                                  unchecked(death_note(argument_died_on), "its death is what is tested"))
                             .add_callback([&](std::thread::id in_pool) {
                               EXPECT_EQ(function_died_on.load(), in_pool);
                               EXPECT_EQ(argument_died_on.load(), in_pool);
                               return in_pool;
                             }));
  EXPECT_NE(ran_on, std::this_thread::get_id());
}

TEST(ThreadPool, S59_AFailureThatNobodyWaitsForIsLogged) {
  test_loop loop;
  thread_pool pool;
  captured_log log;
  defer_to(pool, refuse, std::string("nobody heard me")).detach();
  loop.turn_until([&] { return log.text.find("nobody heard me") != std::string::npos; });
}

TEST(ThreadPool, S59_AnErrorInTheResultCallbackIsLoggedAndTheWorkerLivesOn) {
  test_loop loop;
  thread_pool pool({.most_threads = 1});
  captured_log log;
  defer_to(pool, twice, 1).add_callback([](int) -> int { throw std::runtime_error("callback went wrong"); }).detach();
  const auto before = loop.run(defer_to(pool, this_thread));
  EXPECT_THAT(log.text, testing::HasSubstr("callback went wrong"));
  EXPECT_EQ(loop.run(defer_to(pool, this_thread)), before);
}

TEST(ThreadPool, S61_ThreadsAreMadeOnDemandUpToTheMaximumAndIdleOnesAreUsedFirst) {
  test_loop loop;
  thread_pool pool({.most_threads = 3});
  EXPECT_EQ(pool.statistics().threads, 0U);
  loop.run(defer_to(pool, twice, 1));
  loop.run(defer_to(pool, twice, 1));
  EXPECT_EQ(pool.statistics().threads, 1U);

  std::array<gate, 3> gates;
  std::vector<deferred<int>> held;
  for (auto& each : gates) {
    held.push_back(hold(pool, each));
    each.entered.wait();
  }
  auto fourth = defer_to(pool, twice, 4);
  const auto busy = pool.statistics();
  EXPECT_EQ(busy.threads, 3U);
  EXPECT_EQ(busy.running, 3U);
  EXPECT_EQ(busy.idle, 0U);
  EXPECT_EQ(busy.queued, 1U);
  for (auto& each : gates) {
    each.opened.count_down();
  }
  EXPECT_EQ(loop.run(std::move(fourth)), 8);
  for (auto& each : held) {
    loop.run(std::move(each));
  }
  EXPECT_EQ(pool.statistics().completed, 6U);
}

void append(std::vector<int>* to, int value) { to->push_back(value); }

TEST(ThreadPool, S61_AThreadThatIsIdleForLongEndsAndAnotherIsMadeWhenItIsNeeded) {
  test_loop loop;
  thread_pool pool({.most_threads = 2, .longest_idle = std::chrono::milliseconds(1)});
  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(loop.run(defer_to(pool, twice, 4)), 8);
    loop.turn_until([&] { return pool.statistics().threads == 0; });
  }
  loop.run(pool.stop());
}

TEST(ThreadPool, CallsOfAHigherPriorityStartFirst) {
  test_loop loop;
  thread_pool pool({.most_threads = 1});
  gate first;
  auto running = hold(pool, first);
  first.entered.wait();
  std::vector<int> order;
  std::vector<deferred<void>> queued;
  for (const auto urgency : {priority::low, priority::normal, priority::high, priority::low, priority::high}) {
    queued.push_back(defer_to(pool.at(urgency), append, lend(order), static_cast<int>(urgency)));
  }
  first.opened.count_down();
  loop.run(pool.stop());
  EXPECT_EQ(order, (std::vector<int>{0, 0, 1, 2, 2}));
}

TEST(ThreadPool, TellsHowLongCallsWaitedAndRan) {
  test_loop loop;
  thread_pool pool({.most_threads = 1});
  gate first;
  auto running = hold(pool, first);
  first.entered.wait();
  auto second = defer_to(pool, twice, 1);
  first.opened.count_down();
  loop.run(std::move(running));
  loop.run(std::move(second));
  const auto seen = pool.statistics();
  EXPECT_EQ(seen.waited.count, 2U);
  EXPECT_EQ(seen.ran.count, 2U);
  EXPECT_GE(seen.waited.total + seen.ran.longest, seen.ran.total);
}

TEST(ThreadPool, S61_ExcessWorkQueuesInOrder) {
  test_loop loop;
  thread_pool pool({.most_threads = 1});
  gate first;
  auto held = hold(pool, first);
  std::vector<int> order;
  std::vector<deferred<void>> queued;
  for (int i = 0; i < 5; ++i) {
    queued.push_back(defer_to(pool, append, lend(order), i));
  }
  first.opened.count_down();
  loop.run(std::move(held));
  for (auto& each : queued) {
    loop.run(std::move(each));
  }
  EXPECT_THAT(order, testing::ElementsAre(0, 1, 2, 3, 4));
}

TEST(ThreadPool, AFullQueueRefuses) {
  test_loop loop;
  thread_pool pool({.name = "small", .most_threads = 1, .most_queued = 2});
  gate first;
  auto held = hold(pool, first);
  first.entered.wait();
  auto second = defer_to(pool, twice, 2);
  auto third = defer_to(pool, twice, 3);
  const failure why = loop.run_to_failure(defer_to(pool, twice, 4));
  EXPECT_TRUE(why.check(errc::full));
  EXPECT_STREQ(why.error().what(),
               "\"small\" takes no more calls now: 2 are queued and 1 running; wait for some of them, or raise "
               "most_queued");
  first.opened.count_down();
  EXPECT_EQ(loop.run(std::move(third)), 6);
  EXPECT_EQ(loop.run(defer_to(pool, twice, 4)), 8);
}

TEST(ThreadPool, S63_StopRefusesNewWorkAndFinishesWhatIsQueued) {
  test_loop loop;
  thread_pool pool({.most_threads = 1});
  gate first;
  auto running = hold(pool, first, 1);
  auto queued = defer_to(pool, twice, 21);
  first.entered.wait();

  auto stopped = pool.stop();
  auto stopped_too = pool.stop();
  EXPECT_FALSE(stopped.ready());
  first.opened.count_down();
  loop.run(std::move(stopped));
  loop.run(std::move(stopped_too));
  EXPECT_EQ(loop.run(std::move(running)), 1);
  EXPECT_EQ(loop.run(std::move(queued)), 42);
  EXPECT_EQ(pool.statistics().threads, 0U);
  loop.run(pool.stop());
}

TEST(ThreadPool, S63_AStopThatIsCancelledGoesOn) {
  test_loop loop;
  thread_pool pool;
  gate only;
  auto running = hold(pool, only, 1);
  only.entered.wait();
  auto stopped = pool.stop();
  stopped.cancel();
  EXPECT_TRUE(loop.run_to_failure(std::move(stopped)).check(errc::cancelled));
  only.opened.count_down();
  loop.run(pool.stop());
  EXPECT_EQ(loop.run(std::move(running)), 1);
}

TEST(ThreadPool, S63_WhenTheLoopEndsWhoeverWaitsIsTold) {
  gate held;
  std::optional<failure> why;
  thread_pool pool;
  {
    reactor loop;
    hold(pool, held)
        .add_errback([&](failure f) {
          why = std::move(f);
          return 0;
        })
        .detach();
    held.entered.wait();
    loop.stop();
    loop.run();
  }
  ASSERT_TRUE(why);
  EXPECT_TRUE(why->check(errc::shutting_down));
  held.opened.count_down();
}

TEST(ThreadPool, S64_WorkAfterStopFails) {
  test_loop loop;
  thread_pool pool({.name = "stopped"});
  loop.run(pool.stop());
  const failure why = loop.run_to_failure(defer_to(pool, twice, 1));
  EXPECT_TRUE(why.check(errc::shutting_down));
  EXPECT_STREQ(why.error().what(), "\"stopped\" takes no more calls: it is stopping or has stopped");
}

// Opens the gate when it dies.
struct opens_at_death {
  explicit opens_at_death(gate& at) : opened(&at.opened) {}
  opens_at_death(opens_at_death&& other) noexcept : opened(std::exchange(other.opened, nullptr)) {}
  opens_at_death& operator=(opens_at_death&&) = delete;
  ~opens_at_death() {
    if (opened != nullptr) {
      opened->count_down();
    }
  }
  std::latch* opened;
};
int never_runs(opens_at_death /*opener*/) { return 1; }

TEST(ThreadPool, DestroyingItDropsWhatIsQueuedAndWaitsForWhatRuns) {
  test_loop loop;
  std::optional<thread_pool> pool(std::in_place, thread_pool_options{.name = "gone", .most_threads = 1});
  gate first;
  auto running = hold(*pool, first, 1);
  first.entered.wait();
  auto queued = defer_to(*pool, never_runs, opens_at_death(first));
  auto stopped = pool->stop();
  pool.reset();
  EXPECT_EQ(loop.run(std::move(running)), 1);
  const failure why = loop.run_to_failure(std::move(queued));
  EXPECT_TRUE(why.check(errc::shutting_down));
  EXPECT_STREQ(why.error().what(), "\"gone\" was stopped before the call ran");
  EXPECT_TRUE(loop.run_to_failure(std::move(stopped)).check(errc::shutting_down));
}

int until_stopped(std::stop_token stop, gate* at) {
  at->entered.count_down();
  std::latch stopped(1);
  const std::stop_callback on_stop(stop, [&] { stopped.count_down(); });
  stopped.wait();
  at->opened.count_down();
  return 1;
}

TEST(ThreadPool, DestroyingItSaysStopToWhatRuns) {
  test_loop loop;
  std::optional<thread_pool> pool(std::in_place);
  gate at;
  auto running = defer_to(*pool, until_stopped, lend(at));
  at.entered.wait();
  pool.reset();
  loop.run(std::move(running));
}

TEST(ThreadPool, S63_AStopThatHasBeenPatientGivesUpWhatIsLeft) {
  test_loop loop;
  thread_pool pool({.name = "slow", .most_threads = 1});
  gate at;
  auto running = defer_to(pool, until_stopped, lend(at));
  at.entered.wait();
  auto queued = defer_to(pool, twice, 1);
  loop.run(pool.stop(std::chrono::milliseconds(1)));
  EXPECT_TRUE(running.ready());
  EXPECT_STREQ(loop.run_to_failure(std::move(queued)).error().what(), "\"slow\" was stopped before the call ran");
}

TEST(ThreadPool, S65_CancellingQueuedWorkTakesItOut) {
  test_loop loop;
  thread_pool pool({.most_threads = 1});
  gate first;
  auto held = hold(pool, first);
  first.entered.wait();
  std::vector<int> ran;
  auto queued = defer_to(pool, append, lend(ran), 1);
  {
    auto dropped = defer_to(pool, append, lend(ran), 2);
    EXPECT_EQ(pool.statistics().queued, 2U);
  }
  auto last = defer_to(pool, append, lend(ran), 3);

  queued.cancel();
  EXPECT_TRUE(queued.ready());
  EXPECT_TRUE(std::move(queued).take().error().check(errc::cancelled));
  EXPECT_EQ(pool.statistics().queued, 1U);

  first.opened.count_down();
  loop.run(std::move(last));
  EXPECT_THAT(ran, testing::ElementsAre(3));
  loop.run(std::move(held));
}

TEST(ThreadPool, S65_CancellingRunningWorkFailsAtOnceAndSaysStop) {
  test_loop loop;
  thread_pool pool;
  gate at;
  auto running = defer_to(pool, until_stopped, lend(at));
  at.entered.wait();
  running.cancel(error(errc::timed_out, "too slow"));
  EXPECT_TRUE(running.ready());
  EXPECT_TRUE(std::move(running).take().error().check(errc::timed_out));
  at.opened.wait();
  loop.run(pool.stop());
  EXPECT_EQ(pool.statistics().completed, 1U);
}

TEST(ThreadPool, S65_TheLateResultIsThrownAway) {
  test_loop loop;
  thread_pool pool;
  captured_log log;
  gate at;
  auto running = hold(pool, at, 7);
  at.entered.wait();
  running.cancel();
  at.opened.count_down();
  loop.run(pool.stop());
  EXPECT_TRUE(loop.run_to_failure(std::move(running)).check(errc::cancelled));
}

std::string read_file(may_block& /*permission*/, std::string path) { return "contents of " + path; }

TEST(ThreadPool, WhatWaitsIsGivenThePermission) {
  test_loop loop;
  thread_pool pool;
  EXPECT_EQ(loop.run(defer_to(pool, read_file, std::string("it"))), "contents of it");
}

std::string name_of_thread() {
  std::array<char, 16> name{};
  pthread_getname_np(pthread_self(), name.data(), name.size());
  return name.data();
}

TEST(ThreadPool, NamesItsThreads) {
  test_loop loop;
  thread_pool pool({.name = "calculations_of_the_server"});
  EXPECT_EQ(loop.run(defer_to(pool, name_of_thread)), "calculations_-1");
}

bool sigint_is_blocked() {
  sigset_t blocked;
  pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
  return sigismember(&blocked, SIGINT) == 1 && sigismember(&blocked, SIGSEGV) == 0;
}

TEST(ThreadPool, LeavesSignalsToTheLoop) {
  test_loop loop;
  thread_pool pool;
  EXPECT_TRUE(loop.run(defer_to(pool, sigint_is_blocked)));
}

TEST(ThreadPool, OnAThreadWithoutALoopItSaysSo) {
  thread_pool pool;
  EXPECT_THROW(static_cast<void>(defer_to(pool, twice, 1)), misuse);
}

TEST(ThreadPool, SeveralLoopsMayShareOne) {
  thread_pool pool;
  const auto use = [&pool](int value, int& answer) {
    test_loop loop;
    answer = loop.run(defer_to(pool, twice, value));
  };
  int first = 0;
  int second = 0;
  std::thread other(use, 1, std::ref(first));
  use(2, second);
  other.join();
  EXPECT_EQ(first, 2);
  EXPECT_EQ(second, 4);
}

}  // namespace
}  // namespace whorl
