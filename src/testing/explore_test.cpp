#include <whorl/testing/checks.h>

#include <gmock/gmock.h>

#include <cstdlib>
#include <vector>

namespace whorl::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

deferred<void> fail_later(reactor* loop) {
  co_await loop->sleep(1s);
  throw error(errc::not_found, "nowhere to be found");
}

// Sets WHORL_SEED as long as it lives.
class chosen_seed {
 public:
  explicit chosen_seed(const char* seed) { ::setenv("WHORL_SEED", seed, 1); }
  chosen_seed(const chosen_seed&) = delete;
  chosen_seed& operator=(const chosen_seed&) = delete;
  ~chosen_seed() { ::unsetenv("WHORL_SEED"); }
};

TEST(Explore, RunsEverySeedOnce) {
  std::vector<std::uint64_t> ran;
  const auto seen = explore({.first = 7, .count = 3}, [&](simulation& world) { ran.push_back(world.seed()); });
  EXPECT_TRUE(seen.passed());
  EXPECT_EQ(seen.runs, 3U);
  EXPECT_THAT(ran, ElementsAre(7, 8, 9));
}

TEST(Explore, StopsAtTheFirstSeedThatFailsAndSaysHowToRunItAlone) {
  const auto program = [](simulation& world) {
    world.add_host("only");
    world.remark("about to fail");
    if (world.seed() == 5) {
      throw std::runtime_error("five is no good");
    }
  };
  const auto seen = explore({.count = 10}, program);
  EXPECT_EQ(seen.failed_seed, 5U);
  EXPECT_EQ(seen.runs, 5U);
  EXPECT_THAT(seen.report, HasSubstr("seed 5 fails: five is no good"));
  EXPECT_THAT(seen.report, HasSubstr("WHORL_SEED=5"));
  EXPECT_THAT(seen.report, HasSubstr("about to fail"));
  EXPECT_THAT(seen.report, Not(HasSubstr("another way")));
}

TEST(Explore, AFailureThatNobodyHandledFailsTheRun) {
  const auto seen = explore({.count = 1}, [](simulation& world) {
    fail_later(&world.add_host("only").loop()).detach();
    world.run_for(2s);
  });
  EXPECT_THAT(seen.report, HasSubstr("nowhere to be found"));
}

TEST(Explore, SaysWhenSomethingElseThanTheSeedDecides) {
  int runs = 0;
  const auto seen = explore({.count = 1}, [&](simulation& world) {
    world.remark("run " + std::to_string(++runs));
    throw std::runtime_error("always");
  });
  EXPECT_THAT(seen.report, HasSubstr("went another way"));
}

TEST(Explore, RunsOnlyTheSeedThatTheEnvironmentNames) {
  const chosen_seed chosen("4711");
  std::vector<std::uint64_t> ran;
  static_cast<void>(explore({.count = 100}, [&](simulation& world) { ran.push_back(world.seed()); }));
  EXPECT_THAT(ran, ElementsAre(4711));
}

TEST(Explore, RefusesASeedThatIsNone) {
  const chosen_seed chosen("17x");
  EXPECT_THROW(explore({}, [](simulation&) {}), misuse);
}

TEST(Explore, WhatIsExpectedInAProgramFailsItsRunAndNotTheTest) {
  const auto passes = every_seed_passes({.count = 10}, [](simulation& world) { EXPECT_LT(world.seed(), 3U); });
  EXPECT_FALSE(passes);
  EXPECT_THAT(passes.message(), HasSubstr("seed 3 fails"));
  EXPECT_TRUE(every_seed_passes({.count = 10}, [](simulation& world) { EXPECT_LT(world.seed(), 30U); }));
}

}  // namespace
}  // namespace whorl::testing
