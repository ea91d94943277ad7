#include <whorl/deferred/cancel_handle.h>

#include <gtest/gtest.h>

#include <memory>
#include <utility>

namespace whorl {
namespace {

deferred<int> add_one(deferred<int> to) {
  auto value = co_await std::move(to);
  co_return value + 1;
}

TEST(CancelHandle, PassesTheResultOn) {
  cancel_handle handle;
  promise<int> answer;
  auto sum = add_one(handle.attach(answer.get_deferred()));
  EXPECT_TRUE(handle.attached());
  answer.callback(1);
  EXPECT_FALSE(handle.attached());
  EXPECT_EQ(std::move(sum).take().value(), 2);
  EXPECT_EQ(handle.attach(succeed(3)).take().value(), 3);
}

TEST(CancelHandle, CancelsWhatSomebodyElseAwaits) {
  cancel_handle handle;
  promise<int> answer;
  auto sum = handle.attach(add_one(answer.get_deferred()));
  auto more = add_one(std::move(sum));
  handle.cancel(errc::timed_out);
  EXPECT_TRUE(std::move(more).take().error().check(errc::timed_out));
  EXPECT_FALSE(handle.attached());
  handle.cancel();
}

TEST(CancelHandle, ForgetsWorkThatWasDropped) {
  cancel_handle handle;
  bool stopped = false;
  promise<int> answer([&] { stopped = true; });
  {
    auto dropped = handle.attach(answer.get_deferred());
  }
  EXPECT_TRUE(stopped);
  EXPECT_FALSE(handle.attached());
  handle.cancel();
}

TEST(CancelHandle, MayDieBeforeTheWork) {
  promise<int> answer;
  auto handle = std::make_unique<cancel_handle>();
  auto attached = handle->attach(answer.get_deferred());
  handle.reset();
  answer.callback(1);
  EXPECT_EQ(std::move(attached).take().value(), 1);
}

TEST(CancelHandle, ServesOnePieceOfWorkAfterTheOther) {
  cancel_handle handle;
  promise<int> first;
  promise<int> second;
  auto a = handle.attach(first.get_deferred());
  EXPECT_THROW(handle.attach(second.get_deferred()).detach(), misuse);
  first.callback(1);
  promise<int> third;
  auto c = handle.attach(third.get_deferred());
  std::move(a).detach();  // the first node dies while the handle is the third's
  handle.cancel();
  EXPECT_TRUE(std::move(c).take().error().check(errc::cancelled));
}

}  // namespace
}  // namespace whorl
