// Many calls with random cancels, drops and shut-downs in between: nothing is lost, run twice, or touched by two threads at
// once. It means most under ThreadSanitizer.

#include <whorl/places/defer_to.h>

#include "places/test_loop.h"

#include <gtest/gtest.h>

#include <deque>
#include <optional>
#include <random>
#include <string>
#include <utility>

namespace whorl {
namespace {

// Owns memory, so that a result used twice, or by two threads, is seen.
std::string answer(std::string text, int number) { return text + std::to_string(number); }

struct tally {
  int calls = 0;
  std::string last;
};
std::string count(tally& of, std::string text, int number) {
  ++of.calls;
  of.last = answer(std::move(text), number);
  return of.last;
}

struct outcomes {
  int answered = 0;
  int cancelled = 0;
  int dropped = 0;
};

constexpr int calls = 100'000;
constexpr std::size_t most_pending = 64;

void settle(test_loop& loop, deferred<std::string> oldest, std::mt19937& random, outcomes& counted) {
  switch (random() % 4) {
    case 0: oldest.cancel(); break;
    case 1: ++counted.dropped; return;
    default: loop.turn_until_ready(oldest);
  }
  auto result = std::move(oldest).take();
  if (result) {
    EXPECT_GE(result->size(), 8U);
    ++counted.answered;
  } else {
    EXPECT_TRUE(result.error().check(errc::cancelled));
    ++counted.cancelled;
  }
}

template <class Start>
outcomes call_many(test_loop& loop, Start start) {
  std::mt19937 random(20260131);  // NOLINT(bugprone-random-generator-seed): the same every time
  outcomes counted;
  std::deque<deferred<std::string>> pending;
  for (int i = 0; i < calls; ++i) {
    pending.push_back(start(i));
    if (pending.size() > random() % most_pending) {
      auto chosen = std::move(pending.front());
      pending.pop_front();
      settle(loop, std::move(chosen), random, counted);
    }
    if (i % 100 == 0) {
      loop.get().turn(loop.get().now());
    }
  }
  while (!pending.empty()) {
    settle(loop, std::move(pending.front()), random, counted);
    pending.pop_front();
  }
  return counted;
}

TEST(PlacesUnderStress, APoolAnswersOrCancelsEveryCall) {
  test_loop loop;
  thread_pool pool({.most_threads = 4});
  const outcomes counted =
      call_many(loop, [&](int number) { return defer_to(pool, answer, std::string("number: "), number); });
  EXPECT_EQ(counted.answered + counted.cancelled + counted.dropped, calls);
  EXPECT_GT(counted.cancelled, 0);
  loop.run(pool.stop());
  const auto after = pool.statistics();
  EXPECT_GE(after.completed, static_cast<std::uint64_t>(counted.answered));
  EXPECT_EQ(after.queued + after.running, 0U);
}

TEST(PlacesUnderStress, ALaneAnswersOrCancelsEveryCall) {
  test_loop loop;
  lane<tally> lane({});
  const outcomes counted =
      call_many(loop, [&](int number) { return defer_to(lane, count, std::string("number: "), number); });
  EXPECT_EQ(counted.answered + counted.cancelled + counted.dropped, calls);
  const int ran = loop.run(defer_to(lane, [](tally& of) { return of.calls; }));
  EXPECT_GE(ran, counted.answered);
  EXPECT_EQ(static_cast<std::uint64_t>(ran) + 1, lane.statistics().completed);
}

TEST(PlacesUnderStress, LoopsAndPoolsComeAndGoWithCallsUnderway) {
  for (int round = 0; round < 300; ++round) {
    std::optional<thread_pool> pool(std::in_place, thread_pool_options{.most_threads = 3});
    std::optional<test_loop> loop(std::in_place);
    std::vector<deferred<std::string>> pending;
    for (int i = 0; i < 20; ++i) {
      pending.push_back(defer_to(*pool, answer, std::string("number: "), i));
    }
    loop->get().turn(loop->get().now());
    if (round % 2 == 0) {
      pool.reset();
    }
    loop.reset();
    for (auto& each : pending) {
      ASSERT_TRUE(each.ready());
      auto result = std::move(each).take();
      EXPECT_TRUE(result || result.error().check(errc::shutting_down));
    }
  }
}

}  // namespace
}  // namespace whorl
