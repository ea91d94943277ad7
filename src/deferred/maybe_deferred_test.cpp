#include <whorl/deferred/maybe_deferred.h>

#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <type_traits>
#include <utility>

namespace whorl {
namespace {

int twice(int value) { return 2 * value; }
result<int> parse(bool well_formed) {
  if (!well_formed) {
    return std::unexpected(error(errc::bad_input));
  }
  return 7;
}
deferred<int> wait_for(deferred<int> answer) { co_return co_await std::move(answer); }

TEST(MaybeDeferred, S30_AValueFiresIt) {
  deferred<int> got = maybe_deferred(twice, 21);
  EXPECT_EQ(std::move(got).take().value(), 42);
}

TEST(MaybeDeferred, S30_NothingFiresItToo) {
  bool called = false;
  deferred<void> got = maybe_deferred([&] { called = true; });
  EXPECT_TRUE(got.ready());
  EXPECT_TRUE(called);
}

TEST(MaybeDeferred, S30_AnExceptionFailsIt) {
  auto got = maybe_deferred([]() -> int { throw error(errc::not_found); });
  EXPECT_TRUE(std::move(got).take().error().check(errc::not_found));
}

TEST(MaybeDeferred, S30_AnExceptionOfAFunctionThatReturnsADeferredFailsItToo) {
  auto got = maybe_deferred([]() -> deferred<int> { throw std::runtime_error("no luck"); });
  EXPECT_TRUE(std::move(got).take().error().check(errc::exception));
}

TEST(MaybeDeferred, S30_ADeferredIsHandedOn) {
  promise<int> answer;
  auto got = maybe_deferred([&] { return answer.get_deferred(); });
  EXPECT_FALSE(got.ready());
  answer.callback(3);
  EXPECT_EQ(std::move(got).take().value(), 3);
}

TEST(MaybeDeferred, S30_ACoroutineIsStarted) {
  promise<int> answer;
  auto got = maybe_deferred(wait_for, answer.get_deferred());
  answer.callback(4);
  EXPECT_EQ(std::move(got).take().value(), 4);
}

TEST(MaybeDeferred, S30_AResultGivesItsOutcome) {
  EXPECT_EQ(maybe_deferred(parse, true).take().value(), 7);
  EXPECT_TRUE(maybe_deferred(parse, false).take().error().check(errc::bad_input));
  auto nothing = maybe_deferred([]() -> result<void> { return {}; });
  static_assert(std::is_same_v<decltype(nothing), deferred<void>>);
  EXPECT_TRUE(nothing.ready());
  auto failed = maybe_deferred([]() -> outcome<int> { return std::unexpected(failure(errc::full)); });
  EXPECT_TRUE(std::move(failed).take().error().check(errc::full));
}

TEST(MaybeDeferred, MovesItsArgumentsAndItsValue) {
  const auto pass_on = [](std::unique_ptr<int> value) { return value; };
  auto got = maybe_deferred(pass_on, std::make_unique<int>(5));
  EXPECT_EQ(**std::move(got).take(), 5);
}

}  // namespace
}  // namespace whorl
