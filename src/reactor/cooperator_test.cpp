#include "reactor/virtual_loop.h"

#include <whorl/deferred/gather.h>
#include <whorl/reactor/cooperator.h>

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace whorl {
namespace {

using namespace std::chrono_literals;

class Cooperator : public virtual_loop {
 protected:
  // Slices of so many steps.
  static slice_budget steps_a_slice(std::size_t steps) { return {.time = 1h, .steps = steps}; }

  std::string trace;
};

deferred<int> trace_steps(cooperative_task self, std::string* trace, char name, int steps) {
  for (int step = 0; step < steps; ++step) {
    *trace += name;
    co_await self.yield();
  }
  co_return steps;
}

TEST_F(Cooperator, S52_TasksMakeAStepEachInTurn) {
  cooperator steps(loop);
  auto a = steps.cooperate(trace_steps, &trace, 'a', 3);
  auto b = steps.cooperate(trace_steps, &trace, 'b', 2);
  auto c = steps.cooperate(trace_steps, &trace, 'c', 4);
  EXPECT_EQ(trace, "");
  turn();
  EXPECT_EQ(trace, "abcabcacc");
  EXPECT_EQ(std::move(a).take().value(), 3);
  EXPECT_EQ(steps.tasks(), 0U);
}

TEST_F(Cooperator, S52_ASliceEndsAndTheNextTurnGoesOnFromThere) {
  cooperator steps(loop, steps_a_slice(4));
  auto a = steps.cooperate(trace_steps, &trace, 'a', 3);
  auto b = steps.cooperate(trace_steps, &trace, 'b', 3);
  auto c = steps.cooperate(trace_steps, &trace, 'c', 3);
  turn();
  EXPECT_EQ(trace, "abca");
  loop.call_later(0s, [&] { trace += '|'; }).detach();
  turn();
  EXPECT_EQ(trace, "abcabcab|");
}

// Takes a millisecond of its clock at every look at it.
class slow_clock final : public backend {
 public:
  std::string_view name() const noexcept override { return "slow clock"; }
  bool simulated() const noexcept override { return true; }
  time_point now() const noexcept override { return now_ += 1ms; }
  void turn(std::optional<time_point> /*until*/) noexcept override {}
  void wake() noexcept override {}
  result<std::unique_ptr<listener>> listen(const address&, const listen_options&, accept_events&) override {
    return std::unexpected(error(errc::unsupported));
  }
  std::unique_ptr<connector> connect(const address&, connect_events&) override { return nullptr; }
  result<std::unique_ptr<watch>> watch_once(int, readiness, watch_events&) override {
    return std::unexpected(error(errc::unsupported));
  }

 private:
  mutable time_point now_;
};

TEST_F(Cooperator, S52_ASliceLastsTenMilliseconds) {
  reactor slow(std::make_unique<slow_clock>());
  cooperator steps(slow);
  auto a = steps.cooperate(trace_steps, &trace, 'a', 100);
  slow.turn(std::nullopt);
  EXPECT_EQ(trace, "aaaaaaaaaa");
}

deferred<void> step_and_wait(cooperative_task self, std::string* trace, deferred<void> something) {
  *trace += 'w';
  co_await std::move(something);
  *trace += 'W';
  co_await self.yield();
  *trace += '.';
}

TEST_F(Cooperator, S52_AwaitingSomethingElsePausesOnlyThatTask) {
  cooperator steps(loop, steps_a_slice(4));
  promise<void> something;
  auto waits = steps.cooperate(step_and_wait, &trace, something.get_deferred());
  auto a = steps.cooperate(trace_steps, &trace, 'a', 9);
  turn();
  EXPECT_EQ(trace, "waaa");
  something.callback();
  EXPECT_EQ(trace, "waaaW");
  turn();
  EXPECT_EQ(trace, "waaaWa.aa");
}

TEST_F(Cooperator, S52_AFailureOfWhatIsAwaitedFailsTheTask) {
  cooperator steps(loop);
  cooperative_task task(steps);
  promise<void> something;
  auto waits = task.run(step_and_wait, &trace, something.get_deferred());
  turn();
  something.errback(errc::not_found);
  EXPECT_TRUE(failed_with(std::move(waits), errc::not_found));
  EXPECT_TRUE(task.ended());
}

TEST_F(Cooperator, S52_AnErrorOfAStepFailsItsTaskAndNoOther) {
  cooperator steps(loop);
  auto bad = steps.cooperate([](const cooperative_task&) -> deferred<int> { throw error(errc::bad_input); });
  auto good = steps.cooperate(trace_steps, &trace, 'a', 2);
  turn();
  EXPECT_TRUE(failed_with(std::move(bad), errc::bad_input));
  EXPECT_TRUE(good.ready());
}

TEST_F(Cooperator, S52_PauseAndResumeNest) {
  cooperator steps(loop, steps_a_slice(2));
  cooperative_task task(steps);
  auto a = task.run(trace_steps, &trace, 'a', 4);
  turn();
  EXPECT_EQ(trace, "aa");
  task.pause();
  task.pause();
  task.resume();
  turn();
  EXPECT_EQ(trace, "aa");
  task.resume();
  turn();
  EXPECT_EQ(trace, "aaaa");
  EXPECT_THROW(task.resume(), misuse);
}

TEST_F(Cooperator, S52_ATaskMayBePausedBeforeItRunsAndPauseItself) {
  cooperator steps(loop);
  cooperative_task task(steps);
  task.pause();
  auto pauses_itself = task.run([](cooperative_task self) {
    self.pause();
    return self.yield();
  });
  turn();
  EXPECT_FALSE(pauses_itself.ready());
  task.resume();
  turn();
  EXPECT_FALSE(pauses_itself.ready());
  task.resume();
  turn();
  EXPECT_TRUE(pauses_itself.ready());
}

TEST_F(Cooperator, S52_StopFailsWhoWaitsForTheTask) {
  cooperator steps(loop, steps_a_slice(2));
  cooperative_task task(steps);
  auto a = task.run(trace_steps, &trace, 'a', 9);
  turn();
  task.stop();
  ASSERT_TRUE(a.ready());
  auto how = std::move(a).take();
  EXPECT_TRUE(how.error().check(errc::cancelled));
  EXPECT_EQ(how.error().error().message(), "the cooperative task was stopped");
  turn();
  EXPECT_EQ(trace, "aa");
}

TEST_F(Cooperator, S52_StopReachesAPausedTaskAndOneThatAwaitsSomethingElse) {
  cooperator steps(loop);
  cooperative_task paused(steps);
  paused.pause();
  auto a = paused.run(trace_steps, &trace, 'a', 9);
  cooperative_task waiting(steps);
  promise<void> something;
  auto b = waiting.run(step_and_wait, &trace, something.get_deferred());
  turn();
  paused.stop();
  waiting.stop();
  EXPECT_TRUE(failed_with(std::move(a), errc::cancelled));
  EXPECT_TRUE(failed_with(std::move(b), errc::cancelled));
}

TEST_F(Cooperator, S52_OperationsOnATaskThatHasEndedAreMisuse) {
  cooperator steps(loop);
  cooperative_task task(steps);
  EXPECT_THROW(task.stop(), misuse);
  auto a = task.run(trace_steps, &trace, 'a', 1);
  EXPECT_THROW(static_cast<void>(task.run(trace_steps, &trace, 'a', 1)), misuse);
  turn();
  ASSERT_TRUE(task.ended());
  EXPECT_THROW(task.pause(), misuse);
  EXPECT_THROW(task.resume(), misuse);
  EXPECT_THROW(task.stop(), misuse);
  EXPECT_THROW(static_cast<void>(task.yield()), misuse);
  EXPECT_THROW(static_cast<void>(task.run(trace_steps, &trace, 'a', 1)), misuse);
}

TEST_F(Cooperator, S52_StoppingTheCooperatorFailsAllItsTasks) {
  cooperator steps(loop, steps_a_slice(3));
  promise<void> something;
  auto in_line = steps.cooperate(trace_steps, &trace, 'a', 9);
  auto waiting = steps.cooperate(step_and_wait, &trace, something.get_deferred());
  cooperative_task task(steps);
  auto paused = task.run(trace_steps, &trace, 'b', 9);
  task.pause();
  turn();
  steps.stop();
  EXPECT_TRUE(failed_with(std::move(in_line), errc::shutting_down));
  EXPECT_TRUE(failed_with(std::move(waiting), errc::shutting_down));
  EXPECT_TRUE(failed_with(std::move(paused), errc::shutting_down));
  EXPECT_TRUE(failed_with(steps.cooperate(trace_steps, &trace, 'c', 1), errc::shutting_down));
  EXPECT_EQ(steps.tasks(), 0U);
  steps.stop();
  turn();
  EXPECT_EQ(trace, "awa");
}

TEST_F(Cooperator, S52_DestroyingTheCooperatorFailsAllItsTasks) {
  std::optional<cooperator> steps(std::in_place, loop);
  auto a = steps->cooperate(trace_steps, &trace, 'a', 9);
  steps.reset();
  EXPECT_TRUE(failed_with(std::move(a), errc::shutting_down));
  turn();
}

TEST_F(Cooperator, S52_CallbacksMayStopOtherTasksAndTheCooperator) {
  cooperator steps(loop, steps_a_slice(100));
  cooperative_task second(steps);
  auto a = steps.cooperate(trace_steps, &trace, 'a', 2).add_both([&](const auto&) { second.stop(); });
  auto b = second.run(trace_steps, &trace, 'b', 50).add_both([&](const auto&) { steps.stop(); });
  auto c = steps.cooperate(trace_steps, &trace, 'c', 50);
  turn();
  EXPECT_EQ(trace, "abcabc");
  EXPECT_TRUE(a.ready());
  EXPECT_TRUE(b.ready());
  EXPECT_TRUE(failed_with(std::move(c), errc::shutting_down));
}

TEST_F(Cooperator, S52_AStepMayStopItsOwnTaskOrItsCooperatorOrDestroyThat) {
  std::optional<cooperator> steps(std::in_place, loop);
  auto stops_itself = steps->cooperate([](cooperative_task self) {
    self.stop();
    return self.yield();
  });
  turn();
  EXPECT_TRUE(failed_with(std::move(stops_itself), errc::cancelled));
  auto destroys = steps->cooperate([&steps](cooperative_task self) {
    steps.reset();
    return self.yield();
  });
  auto other = steps->cooperate(trace_steps, &trace, 'a', 3);
  turn();
  EXPECT_TRUE(failed_with(std::move(destroys), errc::shutting_down));
  EXPECT_TRUE(failed_with(std::move(other), errc::shutting_down));
}

TEST_F(Cooperator, DroppingTheDeferredEndsTheTask) {
  cooperator steps(loop, steps_a_slice(1));
  cooperative_task task(steps);
  auto held = std::make_shared<int>(1);
  {
    auto dropped = task.run([](cooperative_task self, std::shared_ptr<int>) { return self.yield(); }, held);
    EXPECT_EQ(held.use_count(), 2);
    turn();
  }
  EXPECT_EQ(held.use_count(), 1);
  EXPECT_TRUE(task.ended());
  EXPECT_EQ(steps.tasks(), 0U);
  turn();
}

deferred<void> count_down(cooperative_task self, int* left) {
  while (*left > 0) {
    --*left;
    co_await self.yield();
  }
}

TEST_F(Cooperator, ATaskMayBeMadeOfCoroutinesThatYieldSideBySide) {
  cooperator steps(loop);
  int left = 1000;
  auto both = steps.cooperate([&left](cooperative_task self) {
    return gather(count_down(self, &left), count_down(self, &left)).add_callback([](const auto&) {});
  });
  turn();
  EXPECT_TRUE(both.ready());
  EXPECT_EQ(left, 0);
}

TEST_F(Cooperator, OtherCallsHaveTheirTurnBetweenSlices) {
  cooperator steps(loop, steps_a_slice(10));
  int left = 1000;
  int other = 0;
  auto counting = steps.cooperate(count_down, &left);
  while (!counting.ready()) {
    loop.call_later(0s, [&] { ++other; }).detach();
    turn();
  }
  EXPECT_GE(other, 100);
}

}  // namespace
}  // namespace whorl
