#include "deferred/captured_log.h"

#include <whorl/deferred/gather.h>

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace whorl {
namespace {

struct three {
  std::vector<int> stopped;
  promise<int> a{[this] { stopped.push_back(0); }};
  promise<int> b{[this] { stopped.push_back(1); }};
  promise<int> c{[this] { stopped.push_back(2); }};

  std::vector<deferred<int>> members() {
    std::vector<deferred<int>> all;
    all.push_back(a.get_deferred());
    all.push_back(b.get_deferred());
    all.push_back(c.get_deferred());
    return all;
  }
};

// Awaits something else when it is cancelled, and so does not end.
deferred<int> outlasting(deferred<int> work, deferred<int> rest) {
  auto first = co_await std::move(work).result();
  if (first) {
    co_return *first;
  }
  const int last = co_await std::move(rest);
  co_return last;
}

TEST(DeferredList, S23_OutcomesComeInTheOrderOfTheMembers) {
  three of;
  auto d = deferred_list(of.members());
  of.c.callback(3);
  of.a.callback(1);
  EXPECT_FALSE(d.ready());
  of.b.errback(errc::not_found);
  auto got = std::move(d).take().value();
  EXPECT_EQ(got[0].value(), 1);
  EXPECT_TRUE(got[1].error().check(errc::not_found));
  EXPECT_EQ(got[2].value(), 3);
}

TEST(DeferredList, S23_AnEmptyListFiresAtOnce) {
  EXPECT_TRUE(deferred_list(std::vector<deferred<int>>()).take().value().empty());
}

TEST(DeferredList, S25_FailuresOfMembersAreNotReportedAsUnhandled) {
  const captured_log log;
  {
    three of;
    auto d = deferred_list(of.members());
    of.a.errback(errc::full);
    of.b.errback(errc::full);
    of.c.errback(errc::full);
    auto taken = std::move(d).take();
    for (auto& each : taken.value()) {
      EXPECT_FALSE(each.has_value());
    }
  }
  EXPECT_EQ(log.text, "");
}

TEST(DeferredList, S26_CancelCancelsEveryMember) {
  three of;
  auto d = deferred_list(of.members());
  of.b.callback(1);
  d.cancel();
  EXPECT_EQ(of.stopped, (std::vector<int>{0, 2}));
  ASSERT_TRUE(d.ready());
  auto got = std::move(d).take().value();
  EXPECT_TRUE(got[0].error().check(errc::cancelled));
  EXPECT_EQ(got[1].value(), 1);
}

TEST(Gather, S24_TheFirstFailureFiresAtOnceAndTheOthersKeepRunning) {
  three of;
  auto d = gather(of.members());
  of.b.errback(errc::not_found);
  ASSERT_TRUE(d.ready());
  EXPECT_TRUE(std::move(d).take().error().check(errc::not_found));
  EXPECT_TRUE(of.stopped.empty());
  EXPECT_FALSE(of.a.abandoned());
  of.a.callback(1);
  of.c.callback(1);
}

TEST(Gather, S25_ALaterFailureOfASiblingIsReported) {
  const captured_log log;
  {
    three of;
    auto d = gather(of.members());
    of.b.errback(errc::not_found);
    EXPECT_FALSE(std::move(d).take().has_value());
    of.a.errback(error(errc::full, "the sibling"));
    of.c.callback(1);
  }
  EXPECT_NE(log.text.find("the sibling"), std::string::npos) << log.text;
}

TEST(Gather, S27_GivesTheValuesInOrder) {
  three of;
  auto d = gather(of.members());
  of.c.callback(3);
  of.b.callback(2);
  of.a.callback(1);
  EXPECT_EQ(std::move(d).take().value(), (std::vector<int>{1, 2, 3}));
}

TEST(Gather, OfSeveralTypesGivesATuple) {
  promise<std::string> text;
  promise<void> nothing;
  auto d = gather(succeed(1), text.get_deferred(), nothing.get_deferred());
  text.callback("two");
  EXPECT_FALSE(d.ready());
  nothing.callback();
  auto [one, two, three] = std::move(d).take().value();
  EXPECT_EQ(one, 1);
  EXPECT_EQ(two, "two");
}

TEST(Gather, OfNothingButVoidGivesNothing) {
  std::vector<deferred<void>> members;
  promise<void> p;
  members.push_back(succeed());
  members.push_back(p.get_deferred());
  deferred<void> d = gather(std::move(members));
  p.callback();
  EXPECT_TRUE(std::move(d).take().has_value());
}

TEST(Gather, S28_GatherOrCancelStopsTheSiblingsAndWaitsForThem) {
  promise<int> failing;
  promise<int> stubborn([](promise<int>&) {});
  int late = 0;
  promise<int> cleaning;
  auto slow = stubborn.get_deferred()
                  .add_errback([&](const failure&) { return cleaning.get_deferred(); })
                  .add_callback([&](int v) {
                    late = v;
                    return v;
                  });
  auto d = gather_or_cancel(failing.get_deferred(), std::move(slow));
  failing.errback(errc::not_found);
  EXPECT_FALSE(d.ready());
  cleaning.callback(7);
  EXPECT_EQ(late, 7);
  EXPECT_TRUE(std::move(d).take().error().check(errc::not_found));
}

// The first failure waits for the others to end, and nobody waits any more.
TEST(Gather, S22_AFailureThatADroppedGroupHeldBackIsLogged) {
  const captured_log log;
  promise<int> failing;
  promise<int> work;
  promise<int> rest;
  {
    auto all = gather_or_cancel(failing.get_deferred(), outlasting(work.get_deferred(), rest.get_deferred()));
    failing.errback(error(errc::not_found, "held back"));
    EXPECT_FALSE(all.ready());
  }
  EXPECT_NE(log.text.find("held back"), std::string::npos) << log.text;
}

TEST(Gather, DroppingItDropsEveryMember) {
  three of;
  {
    auto d = gather(of.members());
  }
  EXPECT_EQ(of.stopped, (std::vector<int>{0, 1, 2}));
  EXPECT_TRUE(of.a.abandoned());
}

deferred<int> sum_of(std::vector<deferred<int>> members) {
  auto values = co_await gather(std::move(members));
  int sum = 0;
  for (const int v : values) {
    sum += v;
  }
  co_return sum;
}

TEST(Gather, IsAwaitedInACoroutine) {
  three of;
  auto d = sum_of(of.members());
  of.a.callback(1);
  of.b.callback(2);
  of.c.callback(3);
  EXPECT_EQ(std::move(d).take().value(), 6);
}

TEST(Race, S29_TheFirstSuccessWinsAndTheLosersAreCancelled) {
  three of;
  auto d = race(of.members());
  of.a.errback(errc::not_found);
  EXPECT_FALSE(d.ready());
  of.b.callback(5);
  EXPECT_EQ(of.stopped, (std::vector<int>{2}));
  EXPECT_EQ(std::move(d).take().value(), (std::pair<std::size_t, int>(1, 5)));
}

TEST(Race, S29_WaitsUntilTheLosersHaveEnded) {
  promise<int> loser([](promise<int>&) {});
  promise<int> cleaning;
  auto slow = loser.get_deferred().add_errback([&](const failure&) { return cleaning.get_deferred(); });
  auto d = race(succeed(1), std::move(slow));
  EXPECT_FALSE(d.ready());
  cleaning.callback(9);
  EXPECT_EQ(std::move(d).take().value().second, 1);
}

TEST(Race, S29_WhenAllFailEveryReasonIsThereInOrder) {
  three of;
  auto d = race(of.members());
  of.c.errback(error(errc::full, "third"));
  of.a.errback(error(errc::full, "first"));
  of.b.errback(error(errc::full, "second"));
  const failure why = std::move(d).take().error();
  EXPECT_TRUE(why.check(errc::all_failed));
  EXPECT_STREQ(why.error().what(), "all 3 attempts failed; first; second; third");
}

TEST(Race, S29_CancellingItCancelsAll) {
  three of;
  auto d = race(of.members());
  d.cancel();
  EXPECT_EQ(of.stopped.size(), 3U);
  EXPECT_TRUE(std::move(d).take().error().check(errc::all_failed));
}

TEST(Race, S29_ALoserStoppedAtTheStartIsNotReported) {
  captured_log log;
  promise<int> loser;
  EXPECT_EQ(race(loser.get_deferred(), succeed(1)).take().value().second, 1);
  EXPECT_EQ(log.text, "");
}

TEST(Race, S29_ALoserIsStoppedOnce) {
  promise<int> loser([](promise<int>&) {});
  promise<int> cleaning;
  auto slow = loser.get_deferred().add_errback([&](const failure&) { return cleaning.get_deferred(); });
  auto d = race(std::move(slow), succeed(1));
  EXPECT_FALSE(d.ready());
  EXPECT_FALSE(cleaning.fired());
}

TEST(Race, MayBeDroppedByALoserThatItStops) {
  std::optional<deferred<int>> whole;
  promise<int> winner;
  promise<int> loser;
  auto last_words = loser.get_deferred().add_errback([&](const failure&) {
    whole.reset();
    return 0;
  });
  bool won = false;
  whole = race(winner.get_deferred(), std::move(last_words)).add_callback([&](auto) {
    won = true;
    return 1;
  });
  winner.callback(1);
  EXPECT_FALSE(won);
  EXPECT_FALSE(whole);
}

TEST(Race, S31_AnEmptyOneFailsAtOnce) {
  EXPECT_TRUE(race(std::vector<deferred<int>>()).take().error().check(errc::all_failed));
}

}  // namespace
}  // namespace whorl
