#include "reactor/virtual_loop.h"

#include <whorl/reactor/defer_later.h>

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace whorl {
namespace {

using namespace std::chrono_literals;

class DeferLater : public virtual_loop {};

deferred<int> sleep_then(reactor* loop, int value) {
  co_await loop->sleep(1s);
  co_return value;
}

TEST_F(DeferLater, S50_CallsTheFunctionWhenTheTimeHasCome) {
  auto later = defer_later(loop, 2s, [](std::unique_ptr<int> value) { return *value + 1; }, std::make_unique<int>(1));
  advance(1999ms);
  EXPECT_FALSE(later.ready());
  advance(1ms);
  EXPECT_EQ(std::move(later).take().value(), 2);
}

TEST_F(DeferLater, S50_CancellingPreventsTheCall) {
  bool called = false;
  auto later = defer_later(loop, 2s, [&] { called = true; });
  later.cancel();
  EXPECT_TRUE(failed_with(std::move(later), errc::cancelled));
  advance(3s);
  EXPECT_FALSE(called);
}

TEST_F(DeferLater, S50_DroppingPreventsTheCall) {
  bool called = false;
  {
    auto later = defer_later(loop, 2s, [&] { called = true; });
  }
  advance(3s);
  EXPECT_FALSE(called);
}

TEST_F(DeferLater, S50_TheFunctionsErrorFailsTheDeferred) {
  auto thrown = defer_later(loop, 2s, []() -> int { throw error(errc::not_found); });
  auto returned = defer_later(loop, 2s, []() -> result<int> { return std::unexpected(error(errc::full)); });
  advance(2s);
  EXPECT_TRUE(failed_with(std::move(thrown), errc::not_found));
  EXPECT_TRUE(failed_with(std::move(returned), errc::full));
}

TEST_F(DeferLater, S50_WaitsForADeferredThatTheFunctionReturns) {
  deferred<int> later = defer_later(loop, 2s, sleep_then, &loop, 7);
  advance(2s);
  EXPECT_FALSE(later.ready());
  advance(1s);
  EXPECT_EQ(std::move(later).take().value(), 7);
}

TEST_F(DeferLater, S50_CancellingAfterTheTimeHasComeCancelsWhatTheFunctionStarted) {
  auto later = defer_later(loop, 2s, sleep_then, &loop, 7);
  advance(2s);
  later.cancel();
  EXPECT_TRUE(failed_with(std::move(later), errc::cancelled));
}

}  // namespace
}  // namespace whorl
