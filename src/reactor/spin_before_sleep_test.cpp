#include <whorl/reactor/spin_before_sleep.h>

#include <gtest/gtest.h>

#include <chrono>

namespace whorl {
namespace {

using namespace std::chrono_literals;

class SpinBeforeSleep : public testing::Test {
 protected:
  SpinBeforeSleep() { set_longest_spin(50us); }
  ~SpinBeforeSleep() override { set_longest_spin(before_); }

  // Whether it looks when there is nothing to do at this moment.
  bool looks() { return spin_.look_again(now_ += 1ms); }
  void sleep_shortly(int times) {
    for (int i = 0; i < times; ++i) {
      spin_.slept(60us);
    }
  }
  void look_in_vain() {
    looks();
    EXPECT_FALSE(spin_.look_again(now_ += 51us));
  }

  spin_before_sleep spin_;
  time_point now_{1h};

 private:
  duration before_ = longest_spin();
};

TEST_F(SpinBeforeSleep, LooksOnlyWhenTheLastWaitsWereShort) {
  EXPECT_FALSE(looks());
  sleep_shortly(1);
  EXPECT_FALSE(looks());
  sleep_shortly(1);
  EXPECT_TRUE(looks());
}

TEST_F(SpinBeforeSleep, OneLongSleepAndItSleepsAtOnceAgain) {
  sleep_shortly(8);
  spin_.slept(1ms);
  EXPECT_FALSE(looks());
}

TEST_F(SpinBeforeSleep, LooksNoLongerThanTheLimit) {
  sleep_shortly(8);
  EXPECT_TRUE(looks());
  EXPECT_TRUE(spin_.look_again(now_ + 49us));
  EXPECT_FALSE(spin_.look_again(now_ + 50us));
}

TEST_F(SpinBeforeSleep, StopsAfterItHasLookedInVainAFewTimes) {
  sleep_shortly(8);
  look_in_vain();
  look_in_vain();
  EXPECT_TRUE(looks());
  EXPECT_FALSE(spin_.look_again(now_ + 51us));
  EXPECT_FALSE(looks());
}

TEST_F(SpinBeforeSleep, WhatIsFoundKeepsItLooking) {
  sleep_shortly(2);
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(looks());
    spin_.found();
  }
}

TEST_F(SpinBeforeSleep, WhenItsCoreIsWantedItRestsLongerAndLonger) {
  sleep_shortly(8);
  spin_.core_was_taken(now_);
  EXPECT_FALSE(spin_.look_again(now_ + 9ms));
  EXPECT_TRUE(spin_.look_again(now_ + 10ms));
  spin_.core_was_taken(now_);
  EXPECT_FALSE(spin_.look_again(now_ + 19ms));
  EXPECT_TRUE(spin_.look_again(now_ + 20ms));
  spin_.found();
  spin_.core_was_taken(now_);
  EXPECT_TRUE(spin_.look_again(now_ + 10ms));
}

TEST_F(SpinBeforeSleep, CanBeForbidden) {
  set_longest_spin(0ns);
  sleep_shortly(8);
  EXPECT_FALSE(looks());
}

}  // namespace
}  // namespace whorl
