#include <whorl/places/defer_to.h>

#include "places/gate.h"
#include "places/test_loop.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace whorl {
namespace {

// Is not thread-safe, and knows its thread.
class counter {
 public:
  explicit counter(int start) : count_(start) {}
  counter(const counter&) = delete;
  counter& operator=(const counter&) = delete;
  ~counter() { EXPECT_EQ(std::this_thread::get_id(), built_on_); }

  int add(int amount) {
    EXPECT_EQ(std::this_thread::get_id(), built_on_);
    return count_ += amount;
  }
  std::thread::id built_on() const { return built_on_; }

 private:
  int count_;
  std::thread::id built_on_ = std::this_thread::get_id();
};

int add(counter& to, int amount) { return to.add(amount); }
std::thread::id built_on(counter& where) { return where.built_on(); }
int fail_after_adding(counter& to) {
  to.add(1);
  throw std::runtime_error("went wrong");
}
int twice(int value) { return 2 * value; }

TEST(Lane, BuildsUsesAndDestroysItsObjectOnOneThreadOfItsOwn) {
  test_loop loop;
  lane<counter> numbers({.name = "numbers"}, 40);
  EXPECT_EQ(loop.run(defer_to(numbers, add, 2)), 42);
  EXPECT_EQ(loop.run(defer_to(numbers, &counter::add, 1)), 43);
  EXPECT_NE(loop.run(defer_to(numbers, built_on)), std::this_thread::get_id());
}

TEST(Lane, AFunctionMayLeaveTheObjectOut) {
  test_loop loop;
  lane<counter> numbers({}, 0);
  EXPECT_EQ(loop.run(defer_to(numbers, twice, 21)), 42);
}

TEST(Lane, CallsRunInOrderOneAtATime) {
  test_loop loop;
  lane<std::vector<int>> list({});
  gate first;
  auto held = defer_to(list, wait_at, lend(first), 0);
  std::vector<deferred<void>> queued;
  for (int i = 0; i < 4; ++i) {
    queued.push_back(defer_to(list, [](std::vector<int>& to, int value) { to.push_back(value); }, i));
  }
  first.entered.wait();
  EXPECT_EQ(list.queued(), 4U);
  queued[1].cancel();
  EXPECT_TRUE(loop.run_to_failure(std::move(queued[1])).check(errc::cancelled));
  EXPECT_EQ(list.queued(), 3U);
  first.opened.count_down();
  auto all = loop.run(defer_to(list, [](std::vector<int>& from) { return std::vector<int>(from); }));
  EXPECT_THAT(all, testing::ElementsAre(0, 2, 3));
  EXPECT_EQ(list.statistics().completed, 5U);
}

TEST(Lane, ACallThatThrowsLeavesTheLaneAlive) {
  test_loop loop;
  lane<counter> numbers({}, 0);
  EXPECT_STREQ(loop.run_to_failure(defer_to(numbers, fail_after_adding)).error().what(), "went wrong");
  EXPECT_EQ(loop.run(defer_to(numbers, add, 1)), 2);
}

struct cannot_be_built {
  explicit cannot_be_built(std::string why) { throw std::runtime_error(why); }
};
int use(cannot_be_built& /*object*/) { return 1; }

TEST(Lane, AnObjectThatCannotBeBuiltFailsEveryCallWithTheReason) {
  test_loop loop;
  lane<cannot_be_built> lane({}, std::string("no such file"));
  for (int i = 0; i < 3; ++i) {
    const failure why = loop.run_to_failure(defer_to(lane, use));
    EXPECT_STREQ(why.error().what(), "no such file");
    EXPECT_THROW(why.raise(), std::runtime_error);
  }
}

struct opened_file {
  opened_file(may_block& /*permission*/, std::unique_ptr<std::string> path) : name(*path) {}
  std::string name;
};

TEST(Lane, AnObjectThatWaitsWhileItIsBuiltIsGivenThePermission) {
  test_loop loop;
  lane<opened_file> file({}, std::make_unique<std::string>("data"));
  EXPECT_EQ(loop.run(defer_to(file, [](opened_file& of) { return of.name; })), "data");
}

TEST(Lane, S63_StopFinishesWhatIsQueuedAndDestroysTheObject) {
  test_loop loop;
  lane<counter> numbers({.name = "numbers"}, 0);
  auto queued = defer_to(numbers, add, 3);
  loop.run(numbers.stop());
  EXPECT_EQ(numbers.statistics().threads, 0U);
  EXPECT_EQ(loop.run(std::move(queued)), 3);
  EXPECT_TRUE(loop.run_to_failure(defer_to(numbers, add, 1)).check(errc::shutting_down));
}

TEST(Lane, AFullQueueRefuses) {
  test_loop loop;
  lane<counter> numbers({.name = "numbers", .most_queued = 1}, 0);
  gate first;
  auto held = defer_to(numbers, wait_at, lend(first), 0);
  first.entered.wait();
  auto queued = defer_to(numbers, add, 1);
  EXPECT_TRUE(loop.run_to_failure(defer_to(numbers, add, 1)).check(errc::full));
  first.opened.count_down();
  EXPECT_EQ(loop.run(std::move(queued)), 1);
}

}  // namespace
}  // namespace whorl
