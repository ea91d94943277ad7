#include <whorl/reactor/deadline.h>

#include <gtest/gtest.h>

#include <optional>
#include <vector>

namespace whorl {
namespace {

using namespace std::chrono_literals;

class Deadline : public testing::Test {
 protected:
  template <class T>
  outcome<detail::stored<T>> finish(deferred<T> work) {
    while (!work.ready()) {
      loop.turn(loop.now() + 1ms);
    }
    return std::move(work).take();
  }

  reactor loop{make_memory_backend(make_memory_network(1))};
};

using lefts = std::vector<std::optional<duration>>;

deferred<void> notes_what_is_left(reactor* loop, lefts* seen, duration between) {
  seen->push_back(time_left(*loop));
  co_await loop->sleep(between);
  seen->push_back(time_left(*loop));
}

TEST_F(Deadline, WorkSeesWhatIsLeftAlsoAfterItWaited) {
  lefts seen;
  EXPECT_TRUE(finish(call_within(loop, 2s, notes_what_is_left, &loop, &seen, 500ms)));
  EXPECT_EQ(seen, (lefts{2s, 1500ms}));
  EXPECT_EQ(time_left(loop), std::nullopt);
}

TEST_F(Deadline, WhatIsNotDoneByThenIsCancelled) {
  lefts seen;
  const auto how = finish(call_within(loop, 1s, notes_what_is_left, &loop, &seen, 5s));
  ASSERT_FALSE(how);
  EXPECT_TRUE(how.error().check(errc::timed_out));
  EXPECT_LT(loop.now().time_since_epoch(), 2s);
}

deferred<void> calls_within(reactor* loop, lefts* seen, duration limit) {
  co_await call_within(*loop, limit, notes_what_is_left, loop, seen, 0s);
}

TEST_F(Deadline, AnInnerOneIsNeverLaterThanTheOuter) {
  lefts seen;
  EXPECT_TRUE(finish(call_within(loop, 1s, calls_within, &loop, &seen, 10s)));
  EXPECT_TRUE(finish(call_within(loop, 10s, calls_within, &loop, &seen, 1s)));
  EXPECT_EQ(seen, (lefts{1s, 1s, 1s, 1s}));
}

}  // namespace
}  // namespace whorl
