#include <whorl/deferred/deferred.h>
#include <whorl/deferred/gather.h>
#include <whorl/deferred/log.h>

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "deferred/captured_log.h"

namespace whorl {
namespace {

const context_key<int> depth("depth");
const log_key request("request");

int depth_here() { return depth.find() == nullptr ? 0 : *depth.find(); }

template <class F, class... Args>
auto at_depth(int value, F f, Args... args) {
  return context::current().with(depth, value).run(f, std::move(args)...);
}

deferred<int> depth_after(deferred<void> awaited) {
  co_await std::move(awaited);
  co_return depth_here();
}

TEST(Context, AValueIsThereForWhatRunCallsAndNotAfter) {
  EXPECT_EQ(depth.find(), nullptr);
  EXPECT_EQ(at_depth(3, depth_here), 3);
  EXPECT_EQ(depth.find(), nullptr);
}

TEST(Context, AnInnerValueHidesTheOuterOne) {
  EXPECT_EQ(at_depth(1, [] { return at_depth(2, depth_here) * 10 + depth_here(); }), 21);
}

TEST(Context, FollowsACoroutineAcrossItsAwaits) {
  promise<void> p;
  auto answer = at_depth(7, depth_after, p.get_deferred());
  EXPECT_EQ(depth_here(), 0);
  at_depth(9, [&] { p.callback(); });  // whoever fires is somebody else's work
  EXPECT_EQ(std::move(answer).take().value(), 7);
}

TEST(Context, WorkWithoutValuesHasNoneAlsoWhenWorkWithValuesFiresIt) {
  promise<void> p;
  auto answer = depth_after(p.get_deferred());
  at_depth(9, [&] { p.callback(); });
  EXPECT_EQ(std::move(answer).take().value(), 0);
}

TEST(Context, FollowsIntoCallbacks) {
  promise<void> p;
  auto d = p.get_deferred();
  auto answer = at_depth(5, [&] { return std::move(d).add_callback(depth_here); });
  p.callback();
  EXPECT_EQ(std::move(answer).take().value(), 5);
}

TEST(Context, FollowsIntoEachMemberOfAGather) {
  promise<void> p;
  promise<void> q;
  auto both = gather(at_depth(1, depth_after, p.get_deferred()), at_depth(2, depth_after, q.get_deferred()));
  q.callback();
  p.callback();
  EXPECT_EQ(std::move(both).take().value(), std::make_tuple(1, 2));
}

deferred<void> starts_in_context(std::vector<int>* seen, deferred<void> first, deferred<void> second) {
  seen->push_back(depth_here());
  auto inner = co_await at_depth(4, depth_after, std::move(first));
  seen->push_back(inner);
  seen->push_back(depth_here());
  co_await std::move(second);
  seen->push_back(depth_here());
}

TEST(Context, S39_ValuesSetInsideACoroutineDoNotLeakOut) {
  std::vector<int> seen;
  promise<void> p;
  promise<void> q;
  auto work = at_depth(1, starts_in_context, &seen, p.get_deferred(), q.get_deferred());
  EXPECT_EQ(depth_here(), 0);
  p.callback();
  q.callback();
  EXPECT_EQ(seen, (std::vector<int>{1, 4, 1, 1}));
  EXPECT_EQ(depth_here(), 0);
}

TEST(Context, AValueDiesWithTheLastWorkThatCarriesIt) {
  const context_key<std::shared_ptr<int>> held("held");
  auto value = std::make_shared<int>(1);
  promise<void> p;
  auto work = context::current().with(held, value).run(depth_after, p.get_deferred());
  EXPECT_EQ(value.use_count(), 2);
  p.callback();
  EXPECT_EQ(value.use_count(), 1);
}

TEST(Context, AMillionNestedValuesDieWithoutTakingStack) {
  context deep;
  for (int i = 0; i < 1'000'000; ++i) {
    deep = deep.with(depth, i);
  }
  EXPECT_EQ(deep.run(depth_here), 999'999);
}

TEST(Context, LogLinesCarryTheNewestTextOfEachLogKey) {
  captured_log lines;
  context::current().with(request, "first").with(request, "7f 3a").with(depth, 1).run([] {
    log(log_level::error, "refused", {{"why", "full"}});
  });
  log(log_level::error, "outside");
  EXPECT_NE(lines.text.find("refused why=full request=\"7f 3a\""), std::string::npos) << lines.text;
  EXPECT_EQ(lines.text.find("first"), std::string::npos);
  EXPECT_TRUE(lines.text.ends_with("outside"));
}

TEST(Context, MayBeTakenToAnotherThread) {
  const context here = context::current().with(depth, 6);
  int seen = 0;
  std::thread([&] { seen = here.run(depth_here); }).join();
  EXPECT_EQ(seen, 6);
}

}  // namespace
}  // namespace whorl
