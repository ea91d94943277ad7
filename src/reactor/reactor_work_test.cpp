// What a loop knows of the work on it: what is waiting, and in which context it runs.

#include <gtest/gtest.h>
#include <whorl/deferred/context.h>
#include <whorl/deferred/semaphore.h>
#include <whorl/reactor/reactor.h>
#include <whorl/reactor/within.h>

#include <optional>
#include <string>
#include <vector>

namespace whorl {
namespace {

using namespace std::chrono_literals;

const context_key<int> depth("depth");

class ReactorWork : public testing::Test {
 protected:
  void turn_for(duration time) {
    const time_point end = loop.now() + time;
    do {
      loop.turn(end);
    } while (loop.now() < end);
    loop.turn(end);
  }

  reactor loop{make_memory_backend(make_memory_network(1))};
};

deferred<void> waits_long(reactor& loop) { co_await within(loop, loop.sleep(1h), 2h); }

TEST_F(ReactorWork, ListsWhatWaitsForHowLongAndOnWhat) {
  std::optional<deferred<void>> work;
  loop.call_later(1s, [&] { work = waits_long(loop); }).detach();
  turn_for(4s);
  const auto waiting = loop.pending();
  ASSERT_EQ(waiting.size(), 1U);
  EXPECT_EQ(waiting[0].waiting, 3s);
  const std::string text = waiting[0].describe();
  EXPECT_TRUE(text.starts_with("waits 3.000 s for a promise made in ")) << text;
  EXPECT_NE(text.find("reactor::sleep"), std::string::npos) << text;
  EXPECT_NE(text.find("\n  a time limit set in "), std::string::npos) << text;
  EXPECT_NE(text.find("\n  awaited in "), std::string::npos) << text;
  EXPECT_NE(text.find("waits_long"), std::string::npos) << text;
}

TEST_F(ReactorWork, CountsAWaitFromTheEventThatBeganIt) {
  std::optional<deferred<void>> work;
  loop.call_later(10s, [&] { work = loop.sleep(1h); }).detach();
  turn_for(10s);
  const auto waiting = loop.pending();
  ASSERT_EQ(waiting.size(), 1U);
  EXPECT_EQ(waiting[0].waiting, 0s);
}

TEST_F(ReactorWork, EachLoopOfAThreadListsItsOwn) {
  reactor other(make_memory_backend(make_memory_network(2)));
  std::optional<deferred<void>> work;
  other.call_from_thread([&] { work = other.sleep(1h); });
  other.turn(other.now());
  EXPECT_EQ(loop.pending().size(), 0U);
  EXPECT_EQ(other.pending().size(), 1U);
}

TEST_F(ReactorWork, WhatOutlivesItsLoopIsListedOutside) {
  const std::size_t before = pending_outside_loops().size();
  std::optional<promise<void>> made;
  std::optional<deferred<void>> waiting;
  {
    reactor other(make_memory_backend(make_memory_network(2)));
    other.call_from_thread([&] {
      made.emplace();
      waiting = made->get_deferred();
    });
    other.turn(other.now());
    EXPECT_EQ(other.pending().size(), 1U);
  }
  EXPECT_EQ(pending_outside_loops().size(), before + 1);
  waiting.reset();
  EXPECT_EQ(pending_outside_loops().size(), before);
}

deferred<void> notes_depth(reactor& loop, std::vector<int>* seen) {
  co_await loop.sleep(1s);
  seen->push_back(depth.find() == nullptr ? 0 : *depth.find());
}

TEST_F(ReactorWork, ContextFollowsSleepsTimedCallsAndPosts) {
  std::vector<int> seen;
  const auto note = [&] { seen.push_back(depth.find() == nullptr ? 0 : *depth.find()); };
  std::optional<deferred<void>> work;
  context::current().with(depth, 1).run([&] { work = notes_depth(loop, &seen); });
  context::current().with(depth, 2).run([&] { loop.call_later(2s, note).detach(); });
  context::current().with(depth, 3).run([&] { loop.call_from_thread(note); });
  loop.call_later(3s, note).detach();
  turn_for(3s);
  EXPECT_EQ(seen, (std::vector<int>{3, 1, 2, 0}));
}

}  // namespace
}  // namespace whorl
