#include "reactor/virtual_loop.h"

#include <whorl/reactor/rate_limiter.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <random>
#include <vector>

namespace whorl {
namespace {

using namespace std::chrono_literals;

class RateLimiter : public virtual_loop {
 protected:
  void start_after_acquire(rate_limiter& limiter, int who) {
    started_by.push_back(limiter.acquire().add_callback([this, who] {
      order.push_back(who);
      times.push_back(passed());
    }));
  }

  std::vector<int> order;
  std::vector<duration> times;
  std::vector<deferred<void>> started_by;
};

TEST_F(RateLimiter, LetsSoManyStartAtOnceAndTheOthersInTheirOrder) {
  rate_limiter two_a_second(loop, 2, 1s);
  for (int who = 0; who < 5; ++who) {
    start_after_acquire(two_a_second, who);
  }
  EXPECT_EQ(two_a_second.waiting(), 3U);
  advance(2s);
  EXPECT_EQ(order, (std::vector{0, 1, 2, 3, 4}));
  EXPECT_EQ(times, (std::vector<duration>{0s, 0s, 1s, 1s, 2s}));
}

TEST_F(RateLimiter, NeverLetsMoreStartInAnyStretch) {
  constexpr std::size_t starts = 7;
  rate_limiter limiter(loop, starts, 100ms);
  std::mt19937 random(1);
  for (int who = 0; who < 300; ++who) {
    start_after_acquire(limiter, who);
    advance(1ms * (random() % 25));
  }
  advance(10s);
  ASSERT_EQ(times.size(), 300U);
  EXPECT_TRUE(std::ranges::is_sorted(order));
  for (std::size_t i = starts; i < times.size(); ++i) {
    EXPECT_GE(times[i] - times[i - starts], 100ms) << "start " << i;
  }
}

TEST_F(RateLimiter, WhoIsCancelledLeavesTheLineAndTheNextIsServed) {
  rate_limiter one_a_second(loop, 1, 1s);
  auto first = one_a_second.acquire();
  auto second = one_a_second.acquire();
  auto third = one_a_second.acquire();
  second.cancel();
  EXPECT_TRUE(failed_with(std::move(second), errc::cancelled));
  advance(1s);
  EXPECT_TRUE(third.ready());
}

TEST_F(RateLimiter, WhoComesLaterDoesNotOvertake) {
  rate_limiter one_a_second(loop, 1, 1s);
  start_after_acquire(one_a_second, 0);
  start_after_acquire(one_a_second, 1);
  advance(1s);
  start_after_acquire(one_a_second, 2);
  EXPECT_EQ(order, (std::vector{0, 1}));
  advance(1s);
  EXPECT_EQ(order, (std::vector{0, 1, 2}));
}

TEST_F(RateLimiter, DestroyingItFailsThoseThatWait) {
  auto limiter = std::make_unique<rate_limiter>(loop, 1, 1s);
  auto first = limiter->acquire();
  auto second = limiter->acquire();
  limiter.reset();
  EXPECT_TRUE(failed_with(std::move(second), errc::closed));
  advance(2s);
}

TEST_F(RateLimiter, MayBeDestroyedByWhomItServes) {
  std::optional<rate_limiter> limiter(std::in_place, loop, 1, 1s);
  auto first = limiter->acquire();
  auto second = limiter->acquire().add_callback([&] { limiter.reset(); });
  auto third = limiter->acquire();
  advance(1s);
  EXPECT_TRUE(second.ready());
  EXPECT_TRUE(failed_with(std::move(third), errc::closed));
}

TEST_F(RateLimiter, NoStartsAtAllIsMisuse) { EXPECT_THROW(rate_limiter(loop, 0, 1s), misuse); }

}  // namespace
}  // namespace whorl
