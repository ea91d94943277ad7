#include "deferred/captured_log.h"

#include <whorl/deferred/event.h>
#include <whorl/deferred/gate.h>
#include <whorl/deferred/queue.h>
#include <whorl/deferred/semaphore.h>
#include <whorl/deferred/task_set.h>

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace whorl {
namespace {

using order = std::vector<int>;

deferred<void> hold(semaphore* of, order* ran, int who, deferred<void> work) {
  auto held = co_await of->acquire();
  ran->push_back(who);
  co_await std::move(work);
}

TEST(Lock, S32_IsHandedOnFirstComeFirstServed) {
  lock one;
  order ran;
  std::vector<promise<void>> work(3);
  std::vector<deferred<void>> all;
  for (int i = 0; i < 3; ++i) {
    all.push_back(hold(&one, &ran, i, work[i].get_deferred()));
  }
  EXPECT_EQ(ran, (order{0}));
  EXPECT_EQ(one.waiting(), 2U);
  work[0].callback();
  EXPECT_EQ(ran, (order{0, 1}));
  work[1].callback();
  work[2].callback();
  EXPECT_EQ(ran, (order{0, 1, 2}));
  EXPECT_FALSE(one.held());
}

TEST(Lock, S32_AWaiterThatIsCancelledLeavesTheLine) {
  lock one;
  auto first = one.acquire();
  auto second = one.acquire();
  auto third = one.acquire();
  second.cancel();
  EXPECT_TRUE(std::move(second).take().error().check(errc::cancelled));
  std::move(first).take()->release();
  EXPECT_TRUE(third.ready());
}

TEST(Lock, S32_AWaiterThatIsDroppedLeavesTheLine) {
  lock one;
  auto first = one.acquire();
  {
    auto second = one.acquire();
  }
  EXPECT_EQ(one.waiting(), 0U);
}

TEST(Lock, S32_ReleasingTwiceIsAnError) {
  lock one;
  auto held = std::move(one.acquire().take().value());
  held.release();
  EXPECT_THROW(held.release(), misuse);
}

deferred<int> fails(int /*unused*/) {
  co_await succeed();
  throw error(errc::bad_input);
}

TEST(Semaphore, S32_RunWithReleasesWhateverTheOutcome) {
  semaphore two(2);
  auto d = run_with(two, fails, 1);
  EXPECT_TRUE(std::move(d).take().error().check(errc::bad_input));
  EXPECT_EQ(two.free_permits(), 2U);
}

TEST(Semaphore, LetsSoManyInAtOnce) {
  semaphore two(2);
  auto a = two.acquire();
  auto b = two.acquire();
  auto c = two.acquire();
  EXPECT_TRUE(b.ready());
  EXPECT_FALSE(c.ready());
  std::move(a).take()->release();
  EXPECT_TRUE(c.ready());
}

TEST(Queue, S32_HandsItemsOnInOrder) {
  queue<int> q;
  auto early = q.get();
  ASSERT_TRUE(q.try_put(1));
  EXPECT_EQ(std::move(early).take().value(), 1);
  ASSERT_TRUE(q.try_put(2));
  ASSERT_TRUE(q.try_put(3));
  EXPECT_EQ(q.get().take().value(), 2);
  EXPECT_EQ(q.get().take().value(), 3);
}

TEST(Queue, S32_LimitsRefuseAtOnce) {
  queue<int> q({.most_items = 1, .most_waiting = 1});
  auto waits = q.get();
  EXPECT_TRUE(q.get().take().error().check(errc::full));
  ASSERT_TRUE(q.try_put(1));
  ASSERT_TRUE(q.try_put(2));
  EXPECT_TRUE(q.try_put(3).error().is(errc::full));
}

TEST(Queue, WhoPutsWaitsForRoomAndKeepsItsPlace) {
  queue<int> q({.most_items = 1});
  ASSERT_TRUE(q.try_put(1));
  auto second = q.put(2);
  auto third = q.put(3);
  EXPECT_FALSE(second.ready());
  EXPECT_EQ(q.get().take().value(), 1);
  EXPECT_TRUE(second.ready());
  EXPECT_FALSE(third.ready());
  EXPECT_EQ(q.get().take().value(), 2);
  EXPECT_EQ(q.get().take().value(), 3);
}

TEST(Queue, S32_APutThatIsCancelledDoesNotHappen) {
  queue<int> q({.most_items = 1});
  ASSERT_TRUE(q.try_put(1));
  auto second = q.put(2);
  second.cancel();
  EXPECT_EQ(q.get().take().value(), 1);
  EXPECT_EQ(q.size(), 0U);
  EXPECT_FALSE(std::move(second).take().has_value());
}

TEST(Queue, ClosingFailsWhoWaitsAndLeavesTheItems) {
  queue<int> q({.most_items = 1});
  ASSERT_TRUE(q.try_put(1));
  auto waits = q.put(2);
  q.close();
  EXPECT_TRUE(std::move(waits).take().error().check(errc::closed));
  EXPECT_EQ(q.get().take().value(), 1);
  EXPECT_TRUE(q.get().take().error().check(errc::closed));
}

TEST(Event, LetsEverybodyGo) {
  event happened;
  auto a = happened.wait();
  auto b = happened.wait();
  happened.set();
  EXPECT_TRUE(a.ready());
  EXPECT_TRUE(b.ready());
  EXPECT_TRUE(happened.wait().ready());
  happened.clear();
  EXPECT_FALSE(happened.wait().ready());
}

TEST(Gate, CloseWaitsForTheLastPass) {
  gate entrance;
  std::optional<gate::pass> first = std::move(*entrance.enter("first"));
  std::optional<gate::pass> second = std::move(*entrance.enter("second"));
  auto closed = entrance.close();
  EXPECT_TRUE(entrance.enter("late").error().is(errc::closed));
  first.reset();
  EXPECT_FALSE(closed.ready());
  second.reset();
  EXPECT_TRUE(closed.ready());
}

TEST(GateDeathTest, DestroyingItWithWorkInsideAbortsAndNamesTheWork) {
  EXPECT_DEATH(
      {
        auto entrance = std::make_unique<gate>();
        auto inside = entrance->enter("the backup");
        entrance.reset();
      },
      "the backup");
}

TEST(TaskSet, JoinFiresWhenTheLastHasEnded) {
  task_set background;
  promise<void> a;
  promise<void> b;
  background.add("a", a.get_deferred());
  background.add("b", b.get_deferred());
  background.add("ready", succeed());
  auto joined = background.join();
  a.callback();
  EXPECT_FALSE(joined.ready());
  b.callback();
  EXPECT_TRUE(joined.ready());
}

TEST(TaskSet, AFailureIsLoggedWithItsName) {
  const captured_log log;
  task_set background;
  background.add("refresh", fail<void>(error(errc::not_found, "no page")));
  EXPECT_NE(log.text.find("refresh"), std::string::npos) << log.text;
  EXPECT_NE(log.text.find("no page"), std::string::npos) << log.text;
}

TEST(TaskSet, CancelReachesEveryTask) {
  const captured_log log;
  task_set background;
  int stopped = 0;
  promise<void> a([&] { ++stopped; });
  promise<void> b([&] { ++stopped; });
  background.add("a", a.get_deferred());
  background.add("b", b.get_deferred());
  background.cancel();
  EXPECT_EQ(stopped, 2);
  EXPECT_EQ(background.size(), 0U);
  EXPECT_EQ(log.text, "");
}

}  // namespace
}  // namespace whorl
