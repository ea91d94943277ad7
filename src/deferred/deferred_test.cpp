#include "deferred/captured_log.h"

#include <whorl/deferred/deferred.h>

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace whorl {
namespace {

using order = std::vector<std::string>;

TEST(Deferred, S01_CallbacksRunInOrderEachWithWhatItsPredecessorReturned) {
  order ran;
  promise<int> p;
  auto d = p.get_deferred()
               .add_callback([&](int v) {
                 ran.push_back("a" + std::to_string(v));
                 return v + 1;
               })
               .add_callback([&](int v) {
                 ran.push_back("b" + std::to_string(v));
                 return std::to_string(v);
               })
               .add_callback([&](const std::string& v) { ran.push_back("c" + v); });
  EXPECT_TRUE(ran.empty());
  p.callback(1);
  EXPECT_EQ(ran, (order{"a1", "b2", "c2"}));
  EXPECT_TRUE(d.ready());
}

TEST(Deferred, S02_ExactlyOneSideOfAPairRuns) {
  order ran;
  promise<int> good;
  promise<int> bad;
  auto pair = [&](deferred<int> d) {
    return std::move(d).add_callbacks(
        [&](int v) {
          ran.emplace_back("value");
          return v;
        },
        [&](const failure&) {
          ran.emplace_back("failure");
          return 0;
        });
  };
  auto first = pair(good.get_deferred());
  auto second = pair(bad.get_deferred());
  good.callback(1);
  bad.errback(errc::not_found);
  EXPECT_EQ(ran, (order{"value", "failure"}));
}

TEST(Deferred, S02_AnErrorOfTheSuccessSideIsSeenByTheNextPairNotByItsPartner) {
  order ran;
  auto d = succeed(1)
               .add_callbacks([](int) -> int { throw error(errc::bad_input); },
                              [&](const failure&) {
                                ran.emplace_back("partner");
                                return 0;
                              })
               .add_errback([&](const failure& why) {
                 ran.emplace_back(why.check(errc::bad_input) ? "next" : "?");
                 return 7;
               });
  EXPECT_EQ(ran, (order{"next"}));
  EXPECT_EQ(std::move(d).take().value(), 7);
}

TEST(Deferred, S03_AMissingSidePassesTheResultThrough) {
  auto value = succeed(5).add_errback([](failure why) { return why; });
  EXPECT_EQ(std::move(value).take().value(), 5);
  auto failed = fail<int>(errc::not_found).add_callback([](int v) { return v + 1; });
  EXPECT_TRUE(std::move(failed).take().error().check(errc::not_found));
}

TEST(Deferred, S04_AnErrorHandlerThatReturnsNormallySwitchesBack) {
  auto d = fail<int>(errc::not_found).add_errback([](const failure&) { return 3; }).add_callback([](int v) {
    return v * 2;
  });
  EXPECT_EQ(std::move(d).take().value(), 6);
}

TEST(Deferred, S04_RaisingOrReturningAFailureSwitchesToTheErrorSide) {
  auto thrown = succeed(1).add_callback([](int) -> int { throw std::runtime_error("no"); });
  EXPECT_STREQ(std::move(thrown).take().error().error().what(), "no");
  auto returned = succeed(1).add_callback([](int) -> result<int> { return std::unexpected(error(errc::full)); });
  EXPECT_TRUE(std::move(returned).take().error().check(errc::full));
  auto again = fail<int>(errc::full).add_errback([](failure why) { return why; });
  EXPECT_TRUE(std::move(again).take().error().check(errc::full));
}

TEST(Deferred, S05_FiringRunsTheChainInsideTheCall) {
  promise<int> p;
  int seen = 0;
  auto d = p.get_deferred().add_callback([&](int v) { seen = v; });
  p.callback(9);
  EXPECT_EQ(seen, 9);
}

TEST(Deferred, S05_FiringInsideACallbackRunsThatChainInsideTheCallToo) {
  promise<int> outer;
  promise<int> inner;
  order ran;
  auto second = inner.get_deferred().add_callback([&](int) { ran.emplace_back("inner"); });
  auto first = outer.get_deferred().add_callback([&](int) {
    inner.callback(1);
    ran.emplace_back("outer");
  });
  outer.callback(1);
  EXPECT_EQ(ran, (order{"inner", "outer"}));
}

TEST(Deferred, S05_AddingToOneThatFiredRunsAtOnce) {
  int seen = 0;
  auto d = succeed(4).add_callback([&](int v) { seen = v; });
  EXPECT_EQ(seen, 4);
}

TEST(Deferred, S06_ASecondFiringThrowsAndChangesNothing) {
  promise<int> p;
  auto d = p.get_deferred();
  p.callback(1);
  try {
    p.callback(2);
    FAIL() << "fired twice";
  } catch (const misuse& why) {
    const std::string text = why.what();
    EXPECT_NE(text.find("deferred_test.cpp"), std::string::npos) << text;
    EXPECT_NE(text.find("fired twice"), std::string::npos) << text;
  }
  EXPECT_THROW(p.errback(errc::not_found), misuse);
  EXPECT_EQ(std::move(d).take().value(), 1);
}

TEST(Deferred, S07_AddingWhileRunningQueuesBehind) {
  order ran;
  promise<int> p;
  std::optional<deferred<int>> d;
  d = p.get_deferred()
          .add_callback([&](int v) {
            d = std::move(*d).add_callback([&](int w) {
              ran.push_back("added" + std::to_string(w));
              return w;
            });
            ran.emplace_back("first");
            return v + 1;
          })
          .add_callback([&](int v) {
            ran.emplace_back("second");
            return v + 1;
          });
  p.callback(1);
  EXPECT_EQ(ran, (order{"first", "second", "added3"}));
}

TEST(Deferred, S08_ReturningAnUnfiredDeferredSuspendsTheOuterChain) {
  order ran;
  promise<std::string> inner;
  auto d = succeed(1)
               .add_callback([&](int) {
                 return inner.get_deferred().add_callback([&](const std::string& v) {
                   ran.emplace_back("inner");
                   return v + "!";
                 });
               })
               .add_callback([&](const std::string& v) { ran.push_back("outer " + v); });
  EXPECT_FALSE(d.ready());
  inner.callback("late");
  EXPECT_EQ(ran, (order{"inner", "outer late!"}));
}

TEST(Deferred, S08_TheInnersFailureFlowsOutward) {
  promise<int> inner;
  auto d = succeed(1).add_callback([&](int) { return inner.get_deferred(); });
  inner.errback(errc::timed_out);
  EXPECT_TRUE(std::move(d).take().error().check(errc::timed_out));
}

TEST(Deferred, S09_ReturningAFiredDeferredTakesItsResultAtOnce) {
  auto d = succeed(1).add_callback([](int v) { return succeed(v + 1); });
  ASSERT_TRUE(d.ready());
  EXPECT_EQ(std::move(d).take().value(), 2);
}

TEST(Deferred, S10_AResultHasOneTaker) {
  auto d = succeed(1);
  auto moved = std::move(d);
  EXPECT_FALSE(d.valid());  // NOLINT(bugprone-use-after-move): what is left behind is the point
  EXPECT_THROW(std::move(d).take(), misuse);
  EXPECT_EQ(std::move(moved).take().value(), 1);
}

constexpr int deep = 1'000'000;

TEST(Deferred, S11_AChainOfAMillionCallbacksTakesNoStack) {
  promise<int> p;
  auto d = p.get_deferred();
  for (int i = 0; i < deep; ++i) {
    d = std::move(d).add_callback([](int v) { return v + 1; });
  }
  p.callback(0);
  EXPECT_EQ(std::move(d).take().value(), deep);
}

TEST(Deferred, S11_AMillionDeferredsEachReturnedFromACallbackOfTheNextTakeNoStack) {
  promise<int> p;
  auto d = p.get_deferred();
  for (int i = 0; i < deep; ++i) {
    d = succeed().add_callback([inner = std::make_unique<deferred<int>>(std::move(d))] { return std::move(*inner); });
  }
  p.callback(3);
  EXPECT_EQ(std::move(d).take().value(), 3);
}

TEST(Deferred, S11_DroppingAChainOfAMillionTakesNoStack) {
  promise<int> p;
  auto d = p.get_deferred();
  for (int i = 0; i < deep; ++i) {
    d = std::move(d).add_callback([](int v) { return v; });
  }
  {
    auto dropped = std::move(d);
  }
  EXPECT_TRUE(p.abandoned());
}

TEST(Deferred, S11_FiringsNestedAMillionDeepTakeBoundedStack) {
  std::vector<promise<void>> links(deep);
  std::vector<deferred<void>> chain;
  chain.reserve(deep);
  for (int i = 0; i < deep; ++i) {
    chain.push_back(links[i].get_deferred().add_callback([&links, i] {
      if (i + 1 < deep) {
        links[i + 1].callback();
      }
    }));
  }
  links[0].callback();
  EXPECT_TRUE(chain.back().ready());
}

TEST(Deferred, S12_ReturningTheDeferredFromItsOwnCallbackIsReported) {
  promise<int> p;
  std::optional<deferred<int>> d;
  d = p.get_deferred().add_callback([&](int) { return std::move(*d); });
  auto last = d->valid();
  EXPECT_TRUE(last);
  const captured_log log;
  p.callback(1);
  EXPECT_NE(log.text.find("wait for itself"), std::string::npos) << log.text;
}

TEST(Deferred, S14_WhilePausedNothingRunsAndPausesNest) {
  promise<int> p;
  int seen = 0;
  auto d = p.get_deferred().add_callback([&](int v) { return seen = v; });
  d.pause();
  d.pause();
  p.callback(5);
  EXPECT_EQ(seen, 0);
  EXPECT_FALSE(d.ready());
  d.unpause();
  EXPECT_EQ(seen, 0);
  d.unpause();
  EXPECT_EQ(seen, 5);
  EXPECT_THROW(d.unpause(), misuse);
}

TEST(Deferred, S14_AddingToAPausedOneWaitsToo) {
  auto d = succeed(1);
  d.pause();
  int seen = 0;
  auto e = std::move(d).add_callback([&](int v) { seen = v; });
  EXPECT_EQ(seen, 0);
  e.unpause();
  EXPECT_EQ(seen, 1);
}

TEST(Deferred, S15_CancelWithoutCancellerFailsAtOnceAndSwallowsOneLaterFiring) {
  promise<int> p;
  auto d = p.get_deferred();
  d.cancel();
  ASSERT_TRUE(d.ready());
  p.callback(1);
  EXPECT_THROW(p.callback(2), misuse);
  EXPECT_TRUE(std::move(d).take().error().check(errc::cancelled));
}

TEST(Deferred, S16_ACancellerIsCalledOnceAndLaterFiringThrows) {
  int calls = 0;
  promise<int> p([&] { ++calls; });
  auto d = p.get_deferred();
  d.cancel();
  d.cancel();
  EXPECT_EQ(calls, 1);
  EXPECT_THROW(p.callback(1), misuse);
  EXPECT_TRUE(std::move(d).take().error().check(errc::cancelled));
}

TEST(Deferred, S16_ACancellerMayFireWithItsOwnResult) {
  promise<int> p([](promise<int>& self) { self.callback(42); });
  auto d = p.get_deferred();
  d.cancel();
  EXPECT_EQ(std::move(d).take().value(), 42);
}

TEST(Deferred, S17_CancellingAFinishedOneDoesNothing) {
  auto d = succeed(1);
  d.cancel();
  EXPECT_EQ(std::move(d).take().value(), 1);
}

TEST(Deferred, S17_CancellingASuspendedOneCancelsTheInner) {
  bool cancelled = false;
  promise<int> inner([&] { cancelled = true; });
  auto d =
      succeed(1).add_callback([&](int) { return inner.get_deferred(); }).add_errback([](const failure&) { return -1; });
  d.cancel();
  EXPECT_TRUE(cancelled);
  EXPECT_EQ(std::move(d).take().value(), -1);
}

TEST(Deferred, S18_RepeatedCancelIsHarmless) {
  promise<int> p;
  auto d = p.get_deferred();
  d.cancel();
  d.cancel(errc::timed_out);
  EXPECT_TRUE(std::move(d).take().error().check(errc::cancelled));
}

TEST(Deferred, CancelCarriesItsReason) {
  promise<int> p;
  auto d = p.get_deferred();
  d.cancel(error(errc::timed_out, "after 2 s"));
  EXPECT_STREQ(std::move(d).take().error().error().what(), "after 2 s");
}

TEST(Deferred, S19_TheCancellerIsDroppedWhenTheDeferredFires) {
  auto owned = std::make_shared<int>(1);
  promise<int> p([owned] {});
  EXPECT_EQ(owned.use_count(), 2);
  auto d = p.get_deferred();
  p.callback(1);
  EXPECT_EQ(owned.use_count(), 1);
}

TEST(Deferred, S20_AThrowingCancellerIsLoggedAndTheDeferredCancelled) {
  const captured_log log;
  promise<int> p([] { throw std::runtime_error("canceller broke"); });
  auto d = p.get_deferred();
  d.cancel();
  EXPECT_NE(log.text.find("canceller broke"), std::string::npos) << log.text;
  EXPECT_TRUE(std::move(d).take().error().check(errc::cancelled));
}

TEST(Deferred, S22_AFailureThatNobodyLookedAtIsLoggedWithWhereItArose) {
  const captured_log log;
  {
    auto d = fail<int>(error(errc::not_found, "no such page"));
  }
  EXPECT_NE(log.text.find("no such page"), std::string::npos) << log.text;
  EXPECT_NE(log.text.find("deferred_test.cpp"), std::string::npos) << log.text;
}

TEST(Deferred, S22_AFailedPromiseWhoseDeferredNobodyTookIsLogged) {
  const captured_log log;
  {
    promise<int> p;
    p.errback(error(errc::not_found, "nobody asked"));
  }
  EXPECT_NE(log.text.find("nobody asked"), std::string::npos) << log.text;
}

TEST(Deferred, S22_APromiseThatWasNeitherFiredNorAskedForIsNotLogged) {
  const captured_log log;
  {
    const promise<int> p;
  }
  EXPECT_EQ(log.text, "");
}

TEST(Deferred, S22_AFailureThatWasHandledIsNotLogged) {
  const captured_log log;
  {
    auto d = fail<int>(errc::not_found).add_errback([](const failure&) { return 1; });
  }
  {
    auto taken = fail<int>(errc::not_found).take();
  }
  EXPECT_EQ(log.text, "");
}

TEST(Deferred, ADetachedFailureIsLogged) {
  const captured_log log;
  promise<int> p;
  p.get_deferred().detach();
  p.errback(error(errc::not_found, "on its own"));
  EXPECT_NE(log.text.find("on its own"), std::string::npos) << log.text;
}

TEST(Deferred, DroppingTellsTheOperationToStopAndThrowsItsResultAway) {
  bool stopped = false;
  promise<int> p([&] { stopped = true; });
  {
    auto d = p.get_deferred();
  }
  EXPECT_TRUE(stopped);
  EXPECT_TRUE(p.abandoned());
  p.callback(1);
}

TEST(Deferred, DroppingInsideItsOwnCallbackWaitsUntilTheCallbackIsDone) {
  promise<int> p;
  std::optional<deferred<int>> d;
  order ran;
  d = p.get_deferred()
          .add_callback([&, alive = std::make_shared<int>(7)](int v) {
            d.reset();
            ran.push_back(std::to_string(*alive));
            return v;
          })
          .add_callback([&](int v) {
            ran.emplace_back("must not run");
            return v;
          });
  p.callback(1);
  EXPECT_EQ(ran, (order{"7"}));
}

TEST(Deferred, APromiseDestroyedUnfiredFailsItsDeferred) {
  std::optional<promise<int>> p;
  p.emplace();
  auto d = p->get_deferred();
  p.reset();
  EXPECT_TRUE(std::move(d).take().error().check(errc::broken_promise));
}

TEST(Deferred, FiringOnAnotherThreadThrows) {
  promise<int> p;
  auto d = p.get_deferred();
  std::thread([&] { EXPECT_THROW(p.callback(1), misuse); }).join();
  EXPECT_FALSE(d.ready());
}

TEST(Deferred, AddBothGetsEither) {
  auto either = [](outcome<int> got) { return got ? *got : -1; };
  EXPECT_EQ(succeed(2).add_both(either).take().value(), 2);
  EXPECT_EQ(fail<int>(errc::full).add_both(either).take().value(), -1);
}

TEST(Deferred, MoveOnlyValuesTravel) {
  auto d = succeed(std::make_unique<int>(3)).add_callback([](std::unique_ptr<int> v) { return *v; });
  EXPECT_EQ(std::move(d).take().value(), 3);
}

}  // namespace
}  // namespace whorl
