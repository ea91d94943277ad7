#include <whorl/places/defer_to.h>

#include "places/gate.h"
#include "places/test_loop.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace whorl {
namespace {

using namespace std::string_literals;

using notes = std::vector<std::string>;

void note(notes& in, std::string text) { in.push_back(std::move(text)); }
notes read(notes& from) { return from; }

TEST(Lease, NobodyElsesCallsComeBetweenItsOwn) {
  test_loop loop;
  lane<notes> book({.name = "book"});
  auto leased = loop.run(lease_from(book));
  auto outside = defer_to(book, note, "outside"s);
  loop.run(defer_to(leased, note, "first"s));
  loop.run(defer_to(leased, note, "second"s));
  EXPECT_FALSE(outside.ready());
  leased.give_back();
  loop.run(std::move(outside));
  EXPECT_THAT(loop.run(defer_to(book, read)), testing::ElementsAre("first", "second", "outside"));
}

TEST(Lease, WaitsInLineAndIsGivenBackWhenItDies) {
  test_loop loop;
  lane<notes> book({});
  auto before = defer_to(book, note, "before"s);
  {
    auto first = loop.run(lease_from(book));
    EXPECT_TRUE(before.ready());
    auto second = lease_from(book);
    loop.run(defer_to(first, note, "first"s));
    EXPECT_FALSE(second.ready());
    first.give_back();
    auto granted = loop.run(std::move(second));
    loop.run(defer_to(granted, note, "second"s));
  }
  EXPECT_THAT(loop.run(defer_to(book, read)), testing::ElementsAre("before", "first", "second"));
}

TEST(Lease, ACallThatThrowsLeavesTheLease) {
  test_loop loop;
  lane<notes> book({});
  auto leased = loop.run(lease_from(book));
  const failure why = loop.run_to_failure(defer_to(leased, [](notes&) -> int { throw std::runtime_error("no"); }));
  EXPECT_STREQ(why.error().what(), "no");
  loop.run(defer_to(leased, note, "after"s));
  EXPECT_THAT(loop.run(defer_to(leased, read)), testing::ElementsAre("after"));
}

TEST(Lease, WhatIsQueuedWhenItIsGivenBackFails) {
  test_loop loop;
  lane<notes> book({.name = "book"});
  auto leased = loop.run(lease_from(book));
  gate at;
  auto running = defer_to(leased, wait_at, lend(at), 7);
  at.entered.wait();
  auto queued = defer_to(leased, note, "never"s);
  leased.give_back();
  at.opened.count_down();
  EXPECT_STREQ(loop.run_to_failure(std::move(queued)).error().what(),
               "\"book (leased)\" was stopped before the call ran");
  EXPECT_EQ(loop.run(std::move(running)), 7);
  EXPECT_THAT(loop.run(defer_to(book, read)), testing::IsEmpty());
}

TEST(Lease, OneThatIsCancelledLeavesTheLineAndHoldsNobodyUp) {
  test_loop loop;
  lane<notes> book({});
  auto leased = loop.run(lease_from(book));
  auto cancelled = lease_from(book);
  auto dropped = std::optional(lease_from(book));
  EXPECT_EQ(book.queued(), 2U);
  cancelled.cancel();
  EXPECT_TRUE(loop.run_to_failure(std::move(cancelled)).check(errc::cancelled));
  dropped.reset();
  EXPECT_EQ(book.queued(), 0U);
  leased.give_back();
  loop.run(defer_to(book, note, "on"s));
}

TEST(Lease, OneThatIsCancelledWhenItWasGrantedIsGivenBack) {
  test_loop loop;
  lane<notes> book({});
  auto granted = lease_from(book);
  while (book.statistics().running == 0) {
    std::this_thread::yield();
  }
  granted.cancel();
  EXPECT_TRUE(loop.run_to_failure(std::move(granted)).check(errc::cancelled));
  loop.run(defer_to(book, note, "on"s));
}

TEST(Lease, EndsWithItsLane) {
  test_loop loop;
  std::optional<lane<notes>> book(std::in_place, lane_options{.name = "book"});
  auto leased = loop.run(lease_from(*book));
  auto waiting = lease_from(*book);
  book.reset();
  EXPECT_TRUE(loop.run_to_failure(std::move(waiting)).check(errc::shutting_down));
  EXPECT_TRUE(loop.run_to_failure(defer_to(leased, note, "late"s)).check(errc::shutting_down));
}

struct never_built {
  never_built() { throw std::runtime_error("no such file"); }
};

TEST(Lease, FailsWithWhatBuildingTheObjectThrew) {
  test_loop loop;
  lane<never_built> broken({});
  EXPECT_STREQ(loop.run_to_failure(lease_from(broken)).error().what(), "no such file");
}

std::thread::id wait_here(const std::string& /*mine*/, gate* at) {
  wait_at(at, 0);
  return std::this_thread::get_id();
}

TEST(LaneGroup, EachThreadHasAnObjectOfItsOwnAndTheFirstThatIsFreeTakesACall) {
  test_loop loop;
  lane_group<std::string> names({.name = "names"}, 3, "built"s);
  std::vector<gate> gates(3);
  std::vector<deferred<std::thread::id>> held;
  for (gate& each : gates) {
    held.push_back(defer_to(names, wait_here, lend(each)));
    each.entered.wait();
  }
  auto fourth = defer_to(names, [](std::string& mine) { return mine += " and used"; });
  EXPECT_EQ(names.queued(), 1U);
  std::set<std::thread::id> threads;
  for (gate& each : gates) {
    each.opened.count_down();
  }
  for (auto& each : held) {
    threads.insert(loop.run(std::move(each)));
  }
  EXPECT_EQ(threads.size(), 3U);
  EXPECT_EQ(loop.run(std::move(fourth)), "built and used");
}

TEST(LaneGroup, ALeaseKeepsOneOfThem) {
  test_loop loop;
  lane_group<notes> books({}, 2);
  auto leased = loop.run(lease_from(books));
  loop.run(defer_to(leased, note, "mine"s));
  EXPECT_THAT(loop.run(defer_to(books, read)), testing::IsEmpty());
  EXPECT_THAT(loop.run(defer_to(leased, read)), testing::ElementsAre("mine"));
}

}  // namespace
}  // namespace whorl
