#include "reactor/virtual_loop.h"

#include <whorl/reactor/cancel_on.h>

#include <gtest/gtest.h>

#include <optional>
#include <stop_token>
#include <thread>

namespace whorl {
namespace {

using namespace std::chrono_literals;

class CancelOn : public virtual_loop {};

TEST_F(CancelOn, PassesTheOutcomeOnWhenNobodyStops) {
  const std::stop_source source;
  promise<int> answer;
  auto work = cancel_on(loop, answer.get_deferred(), source.get_token());
  answer.callback(1);
  EXPECT_EQ(std::move(work).take().value(), 1);
  EXPECT_TRUE(failed_with(cancel_on(loop, fail<void>(errc::full), source.get_token()), errc::full));
}

TEST_F(CancelOn, AStopRequestedOnAnotherThreadCancelsTheWorkOnItsLoop) {
  std::stop_source source;
  auto work = cancel_on(loop, loop.sleep(1h), source.get_token());
  std::thread([&source] { source.request_stop(); }).join();
  EXPECT_FALSE(work.ready());
  turn();
  EXPECT_TRUE(failed_with(std::move(work), errc::cancelled));
}

TEST_F(CancelOn, AStopThatWasRequestedBeforeCancelsInALaterTurn) {
  std::stop_source source;
  source.request_stop();
  auto work = cancel_on(loop, loop.sleep(1h), source.get_token());
  EXPECT_FALSE(work.ready());
  turn();
  EXPECT_TRUE(failed_with(std::move(work), errc::cancelled));
}

TEST_F(CancelOn, AStopAfterTheEndOfTheWorkDoesNothing) {
  std::stop_source source;
  promise<int> answer;
  auto ended = cancel_on(loop, answer.get_deferred(), source.get_token());
  {
    auto dropped = cancel_on(loop, loop.sleep(1h), source.get_token());
  }
  answer.callback(1);
  source.request_stop();
  turn();
  EXPECT_EQ(std::move(ended).take().value(), 1);
}

TEST_F(CancelOn, AStopThatIsOnItsWayWhenTheWorkEndsDoesNothing) {
  std::stop_source source;
  promise<int> answer;
  auto work = cancel_on(loop, answer.get_deferred(), source.get_token());
  source.request_stop();
  answer.callback(1);
  turn();
  EXPECT_EQ(std::move(work).take().value(), 1);
}

TEST_F(CancelOn, CancellingIsTheWorks) {
  const std::stop_source source;
  auto work = cancel_on(loop, loop.sleep(1h), source.get_token());
  work.cancel(errc::timed_out);
  EXPECT_TRUE(failed_with(std::move(work), errc::timed_out));
}

TEST(CancelOnALoopThatEnds, AStopAfterTheLoopDoesNothing) {
  std::stop_source source;
  promise<int> answer;
  std::optional<reactor> loop(std::in_place, make_memory_backend(make_memory_network(1)));
  auto work = cancel_on(*loop, answer.get_deferred(), source.get_token());
  loop.reset();
  source.request_stop();
  EXPECT_FALSE(work.ready());
  answer.callback(1);
  EXPECT_EQ(std::move(work).take().value(), 1);
}

TEST_F(CancelOn, ManyThreadsMayStopWhileTheWorkEnds) {
  for (int round = 0; round < 200; ++round) {
    std::stop_source source;
    promise<int> answer;
    auto work = cancel_on(loop, answer.get_deferred(), source.get_token());
    std::thread stopper([source]() mutable { source.request_stop(); });
    if (round % 2 == 0) {
      answer.callback(1);
    } else {
      turn();
    }
    stopper.join();
    turn();
    EXPECT_TRUE(work.ready());
    auto how = std::move(work).take();
    EXPECT_TRUE(how || how.error().check(errc::cancelled));
  }
}

TEST_F(CancelOn, ACancellerRequestsAStop) {
  std::stop_source source;
  promise<void> done([source]() mutable { source.request_stop(); });
  auto work = done.get_deferred();
  work.cancel();
  EXPECT_TRUE(source.stop_requested());
  EXPECT_TRUE(failed_with(std::move(work), errc::cancelled));
}

}  // namespace
}  // namespace whorl
