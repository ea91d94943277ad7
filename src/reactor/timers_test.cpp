#include <whorl/deferred/error.h>
#include <whorl/deferred/log.h>
#include <whorl/reactor/timers.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <random>
#include <source_location>
#include <stdexcept>
#include <string>
#include <vector>

namespace whorl {
namespace {

using namespace std::chrono_literals;

class Timers : public testing::Test {
 protected:
  // A call that writes its name down.
  delayed_call note(duration delay, int name) {
    return queue.add(due_after(now, delay), [this, name] { ran.push_back(name); });
  }
  void advance(duration by) {
    now += by;
    queue.run_due(now);
  }

  time_point now{std::chrono::hours(1000)};
  timer_queue queue{[this]() noexcept { return now; }};
  std::vector<int> ran;
};

TEST_F(Timers, S43_RunInTheOrderOfTheirDueTimesAndNeverEarly) {
  const auto c = note(3us, 3);
  const auto a = note(1ns, 1);
  const auto d = note(5h, 4);
  const auto b = note(2ns, 2);
  EXPECT_EQ(queue.next_due(), now + 1ns);
  advance(1ns);
  EXPECT_EQ(ran, std::vector({1}));
  EXPECT_EQ(queue.next_due(), now + 1ns);
  advance(3us - 2ns);
  EXPECT_EQ(ran, std::vector({1, 2}));
  advance(1ns);
  EXPECT_EQ(ran, std::vector({1, 2, 3}));
  advance(5h - 3us - 1ns);
  EXPECT_EQ(ran, std::vector({1, 2, 3}));
  advance(1ns);
  EXPECT_EQ(ran, std::vector({1, 2, 3, 4}));
  EXPECT_EQ(queue.next_due(), std::nullopt);
}

TEST_F(Timers, S43_EqualTimesRunInTheOrderOfTheirAdding) {
  const time_point due = now + 10ms;
  std::vector<delayed_call> calls;
  for (int name = 0; name < 100; ++name) {
    calls.push_back(note(due - now, name));
    now += 50us;
    queue.run_due(now);
  }
  now = due;
  queue.run_due(now);
  ASSERT_EQ(ran.size(), 100U);
  EXPECT_TRUE(std::ranges::is_sorted(ran));
}

TEST_F(Timers, S44_ACallAddedWithoutDelayWhileRunningRunsInALaterTurn) {
  queue
      .add(now,
           [this] {
             ran.push_back(1);
             note(0s, 2).detach();
           })
      .detach();
  note(0s, 3).detach();
  advance(0s);
  EXPECT_EQ(ran, std::vector({1, 3}));
  EXPECT_EQ(queue.next_due(), now);
  advance(0s);
  EXPECT_EQ(ran, std::vector({1, 3, 2}));
}

TEST_F(Timers, DroppingTheHandleCancelsAndDetachLetsRun) {
  {
    const auto dropped = note(1s, 1);
  }
  note(1s, 2).detach();
  EXPECT_EQ(queue.size(), 1U);
  advance(1s);
  EXPECT_EQ(ran, std::vector({2}));
}

TEST_F(Timers, CancellingDestroysTheCallAtOnce) {
  auto held = std::make_shared<int>(1);
  delayed_call call = queue.add(now + 1s, [held] {});
  EXPECT_EQ(held.use_count(), 2);
  call.cancel();
  EXPECT_EQ(held.use_count(), 1);
  EXPECT_FALSE(call.active());
}

TEST_F(Timers, S45_ResetAndDelayOfACallThatIsOverAreMisuse) {
  delayed_call call = note(1s, 1);
  EXPECT_TRUE(call.active());
  advance(1s);
  EXPECT_FALSE(call.active());
  EXPECT_THROW(call.reset(1s), misuse);
  EXPECT_THROW(call.delay(1s), misuse);
  call.cancel();
  delayed_call cancelled = note(1s, 2);
  cancelled.cancel();
  cancelled.cancel();
  EXPECT_THROW(cancelled.reset(1s), misuse);
  EXPECT_THROW(delayed_call().reset(1s), misuse);
}

TEST_F(Timers, S45_ACallCannotMoveOrCancelItselfWhileItRuns) {
  delayed_call call;
  bool threw = false;
  call = queue.add(now + 1s, [&] {
    call.cancel();
    try {
      call.reset(1s);
    } catch (const misuse&) {
      threw = true;
    }
    ran.push_back(1);
  });
  advance(1s);
  EXPECT_TRUE(threw);
  EXPECT_EQ(ran, std::vector({1}));
}

TEST_F(Timers, ACallMayDropItsOwnHandleWhileItRuns) {
  auto call = std::make_unique<delayed_call>();
  *call = queue.add(now + 1s, [&] {
    call.reset();
    ran.push_back(1);
  });
  advance(1s);
  EXPECT_EQ(ran, std::vector({1}));
}

TEST_F(Timers, S46_ResetCountsFromNowAndDelayShiftsTheDueTime) {
  delayed_call call = note(10s, 1);
  advance(4s);
  call.reset(10s);
  EXPECT_EQ(call.due(), now + 10s);
  call.delay(5s);
  EXPECT_EQ(call.due(), now + 15s);
  call.delay(-12s);
  advance(3s - 1ns);
  EXPECT_TRUE(ran.empty());
  advance(1ns);
  EXPECT_EQ(ran, std::vector({1}));
}

TEST_F(Timers, ACallCanCancelAndMoveOthersThatAreDueInTheSameTurn) {
  delayed_call cancelled;
  delayed_call moved;
  queue
      .add(now + 1s,
           [&] {
             cancelled.cancel();
             moved.reset(1s);
           })
      .detach();
  cancelled = note(1s, 1);
  moved = note(1s, 2);
  advance(1s);
  EXPECT_TRUE(ran.empty());
  advance(1s);
  EXPECT_EQ(ran, std::vector({2}));
}

TEST_F(Timers, S47_AnExceptionIsLoggedAndLaterCallsRun) {
  std::string line;
  const log_sink before = set_log_sink([&](log_level, std::string_view text) { line = text; });
  const auto scheduled = std::source_location::current();
  queue.add(now, [] { throw std::runtime_error("out of luck"); }, scheduled).detach();
  note(0s, 1).detach();
  advance(0s);
  set_log_sink(before);
  EXPECT_EQ(ran, std::vector({1}));
  EXPECT_NE(line.find("out of luck"), std::string::npos) << line;
  EXPECT_NE(line.find("timers_test.cpp:" + std::to_string(scheduled.line())), std::string::npos) << line;
}

TEST_F(Timers, S48_DistantCallsAreLegal) {
  const auto never = note(duration::max(), 1);
  const auto centuries = note(std::chrono::hours(24 * 365 * 200), 2);
  EXPECT_EQ(never.due(), time_point::max());
  advance(std::chrono::hours(24 * 365 * 200));
  EXPECT_EQ(ran, std::vector({2}));
  now = time_point::max();
  queue.run_due(now);
  EXPECT_EQ(ran, std::vector({2, 1}));
}

TEST_F(Timers, AHandleMayOutliveTheQueue) {
  auto held = std::make_shared<int>(1);
  delayed_call call;
  {
    timer_queue brief([]() noexcept { return time_point(); });
    call = brief.add(time_point(1s), [held] {});
  }
  EXPECT_EQ(held.use_count(), 1);
  EXPECT_FALSE(call.active());
  call.cancel();
}

// The wheel against an ordered map: random adding, cancelling, moving and running must agree in every step.
class TimersAgainstAModel : public testing::TestWithParam<int> {};

TEST_P(TimersAgainstAModel, S43_RunTheSameCallsInTheSameOrder) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  const auto up_to = [&](std::uint64_t most) { return std::uniform_int_distribution<std::uint64_t>(0, most)(random); };
  const auto some_delay = [&] { return duration(up_to(std::uint64_t{1} << up_to(50)) / 8 * 8); };

  time_point now{duration(up_to(std::uint64_t{1} << up_to(61)))};
  timer_queue queue([&]() noexcept { return now; });
  std::multimap<time_point, int> model;  // equal keys keep the order of insertion
  std::map<int, std::pair<delayed_call, std::multimap<time_point, int>::iterator>> calls;
  std::vector<int> ran;

  int next_name = 0;
  for (int step = 0; step < 4000; ++step) {
    const auto picked = calls.empty() ? calls.end() : calls.lower_bound(static_cast<int>(up_to(next_name)));
    switch (up_to(5)) {
      case 0:
      case 1:
      case 2: {
        const time_point due = now + some_delay();
        const int name = next_name++;
        calls.emplace(name, std::pair(queue.add(due, [&ran, name] { ran.push_back(name); }), model.emplace(due, name)));
        break;
      }
      case 3:
        if (picked != calls.end()) {
          model.erase(picked->second.second);
          calls.erase(picked);
        }
        break;
      case 4:
        if (picked != calls.end()) {
          const duration delay = some_delay();
          picked->second.first.reset(delay);
          model.erase(picked->second.second);
          picked->second.second = model.emplace(now + delay, picked->first);
        }
        break;
      default: {
        if (!model.empty()) {
          ASSERT_LE(queue.next_due(), model.begin()->first);
        }
        now = up_to(2) == 0 && !model.empty() ? std::max(now, model.begin()->first) : now + some_delay() / 64;
        std::vector<int> expected;
        while (!model.empty() && model.begin()->first <= now) {
          expected.push_back(model.begin()->second);
          model.erase(model.begin());
        }
        ran.clear();
        queue.run_due(now);
        ASSERT_EQ(ran, expected);
        for (const int name : ran) {
          calls.erase(name);
        }
      }
    }
    ASSERT_EQ(queue.size(), model.size());
    ASSERT_EQ(queue.next_due().has_value(), !model.empty());
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, TimersAgainstAModel, testing::Range(0, 20));

}  // namespace
}  // namespace whorl
