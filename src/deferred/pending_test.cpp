#include <whorl/deferred/deferred.h>
#include <whorl/deferred/gather.h>
#include <whorl/deferred/semaphore.h>

#include <gtest/gtest.h>

#include <source_location>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace whorl {
namespace {

constexpr auto line_above_inner_work = std::source_location::current().line();
deferred<int> inner_work(deferred<int> awaited) {
  auto value = co_await std::move(awaited);
  co_return value;
}

deferred<int> outer_work(deferred<int> awaited) {
  auto value = co_await inner_work(std::move(awaited));
  co_return value;
}

// What the frames say, and in which function, a line each.
std::string names_of(const async_stack& stack) {
  std::string text;
  for (const async_frame& each : stack.frames()) {
    text += each.what;
    for (const std::string_view function : {"inner_work", "outer_work", "acquire", "TestBody"}) {
      if (std::string_view(each.at.function_name()).find(function) != std::string_view::npos) {
        text += " ";
        text += function;
      }
    }
    text += '\n';
  }
  return text;
}

TEST(AsyncStack, S38_AWaitingDeferredTellsWhoAwaitsWhom) {
  promise<int> p;
  auto d = outer_work(p.get_deferred()).add_callback([](int value) { return value; });
  EXPECT_EQ(names_of(d.stack()),
            "a promise made TestBody\nawaited inner_work\nawaited outer_work\na callback added TestBody\n");
}

TEST(AsyncStack, NamesFileAndLine) {
  promise<int> p;
  auto d = inner_work(p.get_deferred());
  const std::string text = d.stack().describe();
  const auto line = std::to_string(line_above_inner_work + 2);
  EXPECT_NE(text.find("pending_test.cpp:" + line + ")"), std::string::npos) << text;
}

TEST(AsyncStack, GoesOnThroughAGroup) {
  promise<int> p;
  promise<int> q;
  auto worked = inner_work(p.get_deferred());
  auto plain = q.get_deferred();
  auto both = gather(std::move(worked), std::move(plain));
  const auto waiting = pending_outside_loops();
  ASSERT_EQ(waiting.size(), 2U);
  EXPECT_EQ(names_of(waiting[0].stack), "a promise made TestBody\nawaited inner_work\na member\nof a group\n");
  EXPECT_EQ(names_of(waiting[1].stack), "a promise made TestBody\na member\nof a group\n");
}

TEST(Pending, ListsWhatHasNotFiredOldestFirst) {
  ASSERT_EQ(pending_outside_loops().size(), 0U);
  semaphore none(0);
  promise<int> p;
  auto first = inner_work(p.get_deferred());
  auto second = none.acquire();
  const auto waiting = pending_outside_loops();
  ASSERT_EQ(waiting.size(), 2U);
  EXPECT_EQ(names_of(waiting[0].stack), "a promise made TestBody\nawaited inner_work\n");
  EXPECT_EQ(names_of(waiting[1].stack), "a promise made acquire\n");
  EXPECT_NE(waiting[1].describe().find("waits 0.000 s for a promise made in "), std::string::npos);
}

TEST(Pending, WhatFiredOrWasDroppedOrBrokenIsGone) {
  promise<int> fired;
  promise<int> dropped;
  {
    promise<int> broken;
    auto a = fired.get_deferred();
    auto b = dropped.get_deferred();
    auto c = broken.get_deferred();
    EXPECT_EQ(pending_outside_loops().size(), 3U);
    fired.callback(1);
    EXPECT_EQ(pending_outside_loops().size(), 2U);
  }
  EXPECT_EQ(pending_outside_loops().size(), 0U);
}

TEST(Pending, WhatNobodyWaitsForIsNotThere) {
  promise<int> kept;
  const auto ready = succeed(1);
  EXPECT_EQ(pending_outside_loops().size(), 0U);
  const auto awaited = kept.get_deferred();
  EXPECT_EQ(pending_outside_loops().size(), 1U);
}

}  // namespace
}  // namespace whorl
