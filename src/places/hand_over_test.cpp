#include <whorl/places/defer_to.h>
#include <whorl/places/hand_over.h>
#include <whorl/places/parallel_for.h>

#include "places/gate.h"
#include "places/test_loop.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace whorl {
namespace {

using testing::HasSubstr;

struct tally {
  int count = 0;
};
struct shared_tally {
  std::atomic<int> count = 0;
};

}  // namespace

template <>
inline constexpr thread_affinity affinity_of<shared_tally> = thread_affinity::any_thread;

namespace {

int count_up(tally* words) { return ++words->count; }
int count_through(std::reference_wrapper<tally> words) { return ++words.get().count; }
int count_shared(std::shared_ptr<tally> words) { return ++words->count; }
int count_atomically(std::shared_ptr<shared_tally> words) { return ++words->count; }
int count_in_lane(int& /*object*/, tally* words) { return ++words->count; }
int read_count(const tally* words) { return words->count; }
int count_at_gate(tally* words, gate* at) {
  wait_at(at, 0);
  return ++words->count;
}

// What the misuse that f throws says.
std::string refusal_of_call(const std::function<void()>& f) {
  try {
    f();
  } catch (const misuse& refused) {
    return refused.what();
  }
  ADD_FAILURE() << "it was not refused";
  return "";
}

class HandOver : public testing::Test {
 protected:
  void SetUp() override {
    if (!hand_over_is_checked) {
      GTEST_SKIP() << "built without assertions";
    }
  }

  deferred<int> held_call() {
    auto call = defer_to(pool_, count_at_gate, unchecked(&words_, "checked"), lend(at_));
    at_.entered.wait();
    return call;
  }
  std::string refusal_of_second_call() {
    return refusal_of_call([&] { defer_to(pool_, count_up, unchecked(&words_, "not true")).detach(); });
  }

  test_loop loop_;
  tally words_;
  gate at_;
  thread_pool pool_{{.most_threads = 2}};  // dies first, when its calls have ended
};

TEST_F(HandOver, AnObjectGivenToTwoCallsAtOnceIsRefusedWithBothPlaces) {
  auto first = defer_to(pool_, count_at_gate, unchecked(&words_, "checked"), lend(at_));
  const int first_line = __LINE__ - 1;
  const std::string why = refusal_of_call([&] { defer_to(pool_, count_up, unchecked(&words_, "not true")).detach(); });
  EXPECT_THAT(why, HasSubstr("hand_over_test.cpp:" + std::to_string(first_line)));
  EXPECT_THAT(why, HasSubstr("hand_over_test.cpp:" + std::to_string(first_line + 2)));
  EXPECT_THAT(why, HasSubstr("tally"));
  at_.opened.count_down();
  EXPECT_EQ(loop_.run(std::move(first)), 1);
}

TEST_F(HandOver, WhenTheCallHasEndedTheNextMayHaveTheObject) {
  for (int i = 1; i < 100; ++i) {
    EXPECT_EQ(loop_.run(defer_to(pool_, count_up, unchecked(&words_, "one after the other"))), i);
  }
}

TEST_F(HandOver, ACallThatIsCancelledWhileItRunsStillHasTheObject) {
  auto first = held_call();
  first.cancel();
  EXPECT_THAT(refusal_of_second_call(), HasSubstr("two calls at once"));
  at_.opened.count_down();
}

TEST_F(HandOver, ACallThatIsTakenOutOfTheQueueGivesTheObjectBack) {
  thread_pool other({.most_threads = 2});
  gate second;
  auto held = held_call();
  auto held_too = defer_to(pool_, wait_at, lend(second), 0);
  tally more;
  defer_to(pool_, count_up, unchecked(&more, "queued")).cancel();
  EXPECT_EQ(loop_.run(defer_to(other, count_up, unchecked(&more, "the other was cancelled"))), 1);
  at_.opened.count_down();
  second.opened.count_down();
  loop_.run(std::move(held_too));
}

TEST_F(HandOver, AReferenceAndASharedPointerAreTheSameObject) {
  const auto shared = std::make_shared<tally>();
  auto first = defer_to(pool_, count_at_gate, unchecked(shared.get(), "checked"), lend(at_));
  EXPECT_THAT(refusal_of_call([&] { defer_to(pool_, count_shared, unchecked(shared, "not true")).detach(); }),
              HasSubstr("two calls at once"));
  EXPECT_THAT(
      refusal_of_call([&] { defer_to(pool_, count_through, unchecked(std::ref(*shared), "not true")).detach(); }),
      HasSubstr("two calls at once"));
  at_.opened.count_down();
  loop_.run(std::move(first));
}

TEST_F(HandOver, CallsThatRunOneAfterTheOtherMayHaveItTogether) {
  lane<int> one({.name = "one"}, 0);
  std::vector<deferred<int>> calls;
  for (int i = 0; i < 10; ++i) {
    calls.push_back(defer_to(one, count_in_lane, unchecked(&words_, "the lane's thread only")));
  }
  auto leased = loop_.run(lease_from(one));
  calls.push_back(defer_to(one, count_in_lane, unchecked(&words_, "waits for the lease")));
  EXPECT_EQ(loop_.run(defer_to(leased, count_in_lane, unchecked(&words_, "the lane's thread too"))), 11);
  leased.give_back();
  EXPECT_EQ(loop_.run(std::move(calls.back())), 12);
}

TEST_F(HandOver, ACallOfALaneAndOneOfAPoolMayNot) {
  lane<int> one({.name = "one"}, 0);
  auto first = held_call();
  EXPECT_THAT(refusal_of_call([&] { defer_to(one, count_in_lane, unchecked(&words_, "not true")).detach(); }),
              HasSubstr("two calls at once"));
  at_.opened.count_down();
}

TEST_F(HandOver, TheThreadsOfAGroupAreNotOneLine) {
  tally more;
  lane_group<int> two({.name = "two"}, 2, 0);
  auto first = held_call();
  auto second = defer_to(two, count_in_lane, unchecked(&more, "checked"));
  EXPECT_THAT(refusal_of_call([&] {
                auto third = defer_to(two, count_at_gate, unchecked(&more, "not true"), lend(at_));
                auto fourth = defer_to(two, count_at_gate, unchecked(&more, "not true"), lend(at_));
              }),
              HasSubstr("two calls at once"));
  at_.opened.count_down();
}

TEST_F(HandOver, WhatIsThreadSafeOrConstMayBeSharedFreely) {
  const auto shared = std::make_shared<shared_tally>();
  std::vector<deferred<int>> calls;
  for (int i = 0; i < 10; ++i) {
    calls.push_back(defer_to(pool_, count_atomically, shared));
    calls.push_back(defer_to(pool_, read_count, unchecked(&std::as_const(words_), "nobody writes")));
  }
  for (auto& each : calls) {
    loop_.run(std::move(each));
  }
  EXPECT_EQ(shared->count, 10);
}

void fill(index_range range, std::vector<int>* cells) {
  for (std::uint64_t at = range.first; at < range.end; ++at) {
    cells->at(at) = 1;
  }
}

void hold(index_range /*range*/, std::vector<int>* /*cells*/, gate* at) { at->opened.wait(); }

TEST_F(HandOver, PartsThatShareAnObjectSayThatTheyMay) {
  std::vector<int> cells(1000);
  gate at;
  const range_split split{.size = cells.size(), .parts = 4};
  EXPECT_THAT(
      refusal_of_call([&] { parallel_for(pool_, split, hold, unchecked(&cells, "not said"), lend(at)).detach(); }),
      HasSubstr("any_thread"));
  at.opened.count_down();
  loop_.turn_until([&] { return pool_.statistics().running + pool_.statistics().queued == 0; });
  loop_.run(
      parallel_for(pool_, split, fill, unchecked(&cells, "each part writes its own", thread_affinity::any_thread)));
  EXPECT_THAT(cells, testing::Each(1));
}

// What a driver would be: says itself who may be inside.
class connection {
 public:
  explicit connection(thread_affinity affinity) : check_(affinity) {}

  int query(gate* at) {
    const auto use = check_.enter();
    return wait_at(at, prepare());
  }
  int prepare() {
    const auto use = check_.enter();
    return ++prepared_;
  }

 private:
  use_check check_;
  std::atomic<int> prepared_ = 0;
};

TEST_F(HandOver, AUseCheckNamesBothThreadsAndPlaces) {
  connection shared(thread_affinity::one_call);
  std::string why;
  std::thread first([&] { shared.query(&at_); });
  at_.entered.wait();
  why = refusal_of_call([&] { shared.prepare(); });
  at_.opened.count_down();
  first.join();
  EXPECT_THAT(why, HasSubstr("two threads at once"));
  EXPECT_THAT(why, HasSubstr("::query("));
  EXPECT_THAT(why, HasSubstr("::prepare("));
  EXPECT_EQ(shared.prepare(), 2);
}

TEST_F(HandOver, AUseCheckForOneThreadKnowsWhichOne) {
  connection mine(thread_affinity::one_thread);
  EXPECT_EQ(mine.prepare(), 1);
  std::thread([&] {
    EXPECT_THAT(refusal_of_call([&] { mine.prepare(); }), HasSubstr("belongs to the thread that made it"));
  }).join();
}

TEST_F(HandOver, AUseCheckForAnyThreadLetsEverybodyIn) {
  connection safe(thread_affinity::any_thread);
  std::thread first([&] { safe.query(&at_); });
  at_.entered.wait();
  EXPECT_EQ(safe.prepare(), 2);
  at_.opened.count_down();
  first.join();
}

}  // namespace
}  // namespace whorl
