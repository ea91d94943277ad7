#include <whorl/deferred/deferred.h>
#include <whorl/deferred/log.h>

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace whorl {
namespace {

using order = std::vector<std::string>;

// Says when it dies.
class witness {
 public:
  witness(order& deaths, std::string name) : deaths_(&deaths), name_(std::move(name)) {}
  witness(const witness&) = delete;
  witness& operator=(const witness&) = delete;
  ~witness() { deaths_->push_back(name_); }

 private:
  order* deaths_;
  std::string name_;
};

deferred<int> plus_one(deferred<int> awaited) {
  auto value = co_await std::move(awaited);
  co_return value + 1;
}

deferred<int> sum_of_ready(int count) {
  int sum = 0;
  for (int i = 0; i < count; ++i) {
    auto one = co_await succeed(1);
    sum += one;
  }
  co_return sum;
}

TEST(Coroutine, S34_AwaitingFiredOnesInALoopTakesNoStack) {
  auto d = sum_of_ready(100'000);
  ASSERT_TRUE(d.ready());
  EXPECT_EQ(std::move(d).take().value(), 100'000);
}

deferred<std::string> catches(deferred<int> awaited) {
  std::string seen;
  try {
    co_await std::move(awaited);
  } catch (const error& why) {
    seen = why.what();
  }
  auto more = co_await succeed(std::string(" and on"));
  co_return seen + more;
}

TEST(Coroutine, S35_AwaitingAFailedOneThrowsThereAndCatchingItContinues) {
  auto d = catches(fail<int>(error(errc::not_found, "gone")));
  EXPECT_EQ(std::move(d).take().value(), "gone and on");
}

deferred<std::string> result_of(deferred<int> awaited) {
  auto got = co_await std::move(awaited).result();
  co_return got ? std::to_string(*got) : got.error().what();
}

TEST(Coroutine, AwaitingTheResultHandsOverTheErrorAsAValue) {
  EXPECT_EQ(result_of(succeed(3)).take().value(), "3");
  EXPECT_EQ(result_of(fail<int>(error(errc::not_found, "gone"))).take().value(), "gone");
}

TEST(Coroutine, AwaitingTheResultStillThrowsAnExceptionThatIsNoError) {
  auto broken = succeed(1).add_callback([](int) -> int { throw std::out_of_range("index"); });
  auto d = result_of(std::move(broken));
  EXPECT_TRUE(std::move(d).take().error().exception() != nullptr);
}

deferred<int> fails_without_throwing() {
  co_await succeed();
  co_return std::unexpected(error(errc::full));
}

TEST(Coroutine, ReturningUnexpectedFailsWithoutAThrow) {
  EXPECT_TRUE(fails_without_throwing().take().error().check(errc::full));
}

deferred<std::string> cleans_up(deferred<int> awaited, deferred<int> cleaning) {
  bool cancelled = false;
  try {
    co_await std::move(awaited);
  } catch (const error& why) {
    cancelled = why.is(errc::cancelled);
  }
  std::string outcome = cancelled ? "cancelled" : "not cancelled";
  auto cleaned = co_await std::move(cleaning).result();
  outcome += cleaned ? ", cleaned" : ", cleaning cancelled";
  co_return outcome;
}

TEST(Coroutine, S36_CancelReachesWhatIsAwaitedAndTheCoroutineMayAwaitMore) {
  bool stopped = false;
  promise<int> operation([&] { stopped = true; });
  promise<int> cleaning;
  auto d = cleans_up(operation.get_deferred(), cleaning.get_deferred());
  d.cancel();
  EXPECT_TRUE(stopped);
  ASSERT_FALSE(d.ready());
  cleaning.callback(1);
  EXPECT_EQ(std::move(d).take().value(), "cancelled, cleaned");
}

TEST(Coroutine, S36_TheSecondAwaitIsThenTheCancellableOne) {
  promise<int> operation;
  promise<int> cleaning;
  auto d = cleans_up(operation.get_deferred(), cleaning.get_deferred());
  d.cancel();
  d.cancel();
  EXPECT_EQ(std::move(d).take().value(), "cancelled, cleaning cancelled");
}

TEST(Coroutine, S36_CancelReachesDownAChainOfCoroutines) {
  bool stopped = false;
  promise<int> operation([&] { stopped = true; });
  auto d = plus_one(plus_one(operation.get_deferred()));
  d.cancel();
  EXPECT_TRUE(stopped);
  EXPECT_TRUE(std::move(d).take().error().check(errc::cancelled));
}

deferred<int> cancels_itself(std::shared_ptr<std::optional<deferred<int>>> self, deferred<int> first,
                             deferred<int> second) {
  co_await std::move(first);
  (*self)->cancel();
  auto value = co_await std::move(second);
  co_return value;
}

TEST(Coroutine, CancelledWhileItRunsItsNextWaitIsCancelled) {
  auto self = std::make_shared<std::optional<deferred<int>>>();
  promise<int> first;
  promise<int> second;
  *self = cancels_itself(self, first.get_deferred(), second.get_deferred());
  first.callback(1);
  ASSERT_TRUE((*self)->ready());
  EXPECT_TRUE(std::move(**self).take().error().check(errc::cancelled));
}

deferred<void> notes(order* ran, deferred<int> awaited) {
  ran->emplace_back("started");
  co_await std::move(awaited);
  ran->emplace_back("resumed");
}

TEST(Coroutine, S37_StartsAtOnceUpToTheFirstUnfiredAwait) {
  order ran;
  promise<int> p;
  auto d = notes(&ran, p.get_deferred());
  EXPECT_EQ(ran, (order{"started"}));
  p.callback(1);
  EXPECT_EQ(ran, (order{"started", "resumed"}));
}

deferred<int> arises() {
  co_await succeed();
  throw error(errc::bad_input, "here");
}

TEST(Coroutine, S38_AFailureCarriesTheChainOfAwaits) {
  auto d = plus_one(plus_one(arises()));
  const failure why = std::move(d).take().error();
  EXPECT_EQ(why.awaits().size(), 2U);
  EXPECT_NE(why.describe().find("coroutine_test.cpp"), std::string::npos) << why.describe();
  EXPECT_NE(why.origin().line(), 0U);
}

deferred<int> rethrows(deferred<int> awaited) {
  try {
    co_await std::move(awaited);
  } catch (...) {
    throw;
  }
  co_return 0;
}

TEST(Coroutine, S42_RaisingAgainKeepsTheOrigin) {
  error original(errc::bad_input, "first");
  auto d = rethrows(rethrows(fail<int>(original)));
  const failure why = std::move(d).take().error();
  EXPECT_EQ(why.origin().line(), original.where().line());
  EXPECT_EQ(why.awaits().size(), 2U);
}

TEST(Coroutine, S42_AForeignExceptionKeepsItsAwaitsToo) {
  auto broken = succeed(1).add_callback([](int) -> int { throw std::out_of_range("index"); });
  auto d = rethrows(rethrows(std::move(broken)));
  EXPECT_EQ(std::move(d).take().error().awaits().size(), 2U);
}

TEST(Coroutine, S11_AMillionCoroutinesAwaitingEachOtherTakeNoStack) {
  constexpr int deep = 1'000'000;
  promise<int> p;
  auto d = p.get_deferred();
  for (int i = 0; i < deep; ++i) {
    d = plus_one(std::move(d));
  }
  p.callback(0);
  EXPECT_EQ(std::move(d).take().value(), deep);
}

TEST(Coroutine, S11_DroppingAMillionCoroutinesTakesNoStack) {
  promise<int> p;
  auto d = p.get_deferred();
  for (int i = 0; i < 1'000'000; ++i) {
    d = plus_one(std::move(d));
  }
  {
    auto dropped = std::move(d);
  }
  EXPECT_TRUE(p.abandoned());
}

deferred<int> child(order* deaths, deferred<int> awaited) {
  const witness local(*deaths, "child");
  auto value = co_await std::move(awaited);
  co_return value;
}

deferred<int> parent(order* deaths, deferred<int> awaited) {
  const witness local(*deaths, "parent");
  auto value = co_await child(deaths, std::move(awaited));
  co_return value;
}

TEST(Coroutine, DroppingDestroysTheFramesInnermostFirst) {
  order deaths;
  promise<int> p([&] { deaths.emplace_back("operation"); });
  {
    auto d = parent(&deaths, p.get_deferred());
  }
  EXPECT_EQ(deaths, (order{"operation", "child", "parent"}));
}

deferred<void> drops_its_owner(std::shared_ptr<std::optional<deferred<void>>> self, order* deaths, deferred<int> first,
                               deferred<int> second) {
  const witness local(*deaths, "frame");
  co_await std::move(first);
  self->reset();
  deaths->emplace_back("still running");
  co_await std::move(second);
  deaths->emplace_back("must not run");
}

TEST(Coroutine, DroppedWhileItRunsItDiesAtItsNextWait) {
  order deaths;
  auto self = std::make_shared<std::optional<deferred<void>>>();
  promise<int> first;
  promise<int> second;
  *self = drops_its_owner(self, &deaths, first.get_deferred(), second.get_deferred());
  first.callback(1);
  EXPECT_EQ(deaths, (order{"still running", "frame"}));
  EXPECT_TRUE(second.abandoned());
}

TEST(Coroutine, ADetachedOneFreesItselfWhenItIsDone) {
  order deaths;
  promise<int> p;
  parent(&deaths, p.get_deferred()).detach();
  p.callback(1);
  EXPECT_EQ(deaths, (order{"child", "parent"}));
}

// Deep in nested firings a waiter is queued instead of called; there it may lose its owner.
TEST(Coroutine, OneThatIsQueuedToRunMayBeDroppedBeforeItDoes) {
  constexpr int deeper_than_firings_nest = 100;
  order ran;
  promise<int> operation;
  std::optional<deferred<void>> victim = notes(&ran, operation.get_deferred());
  std::vector<promise<void>> links(deeper_than_firings_nest);
  std::vector<deferred<void>> chain;
  for (int i = 0; i < deeper_than_firings_nest; ++i) {
    chain.push_back(links[i].get_deferred().add_callback([&, i] {
      if (i + 1 < deeper_than_firings_nest) {
        links[i + 1].callback();
      }
      if (i == deeper_than_firings_nest - 1) {
        operation.callback(1);
        victim.reset();
      }
    }));
  }
  links[0].callback();
  EXPECT_TRUE(chain.back().ready());
  EXPECT_EQ(ran, (order{"started"}));
}

// A result that is there while the coroutine's locals are still dying is not handed out before they are gone.
struct asks_when_dying {
  std::optional<deferred<int>>* asked;
  bool* ready;
  ~asks_when_dying() { *ready = (*asked)->ready(); }
};

deferred<int> dies_asking(std::optional<deferred<int>>* self, bool* ready, deferred<int> awaited) {
  const asks_when_dying local{self, ready};
  auto value = co_await std::move(awaited);
  co_return value;
}

TEST(Coroutine, IsReadyOnlyWhenItsLocalsAreGone) {
  promise<int> p;
  std::optional<deferred<int>> d;
  bool ready_while_dying = true;
  d = dies_asking(&d, &ready_while_dying, p.get_deferred());
  p.callback(1);
  EXPECT_FALSE(ready_while_dying);
  EXPECT_TRUE(d->ready());
}

}  // namespace
}  // namespace whorl
