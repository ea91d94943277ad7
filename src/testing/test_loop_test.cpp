#include <whorl/net/endpoint.h>
#include <whorl/testing/checks.h>
#include <whorl/testing/matchers.h>

#include <gmock/gmock.h>

#include <string>

namespace whorl::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

class TestLoop : public loop_test {};

TEST_F(TestLoop, TimeStandsStillUntilItIsAdvanced) {
  const auto nap = loop->sleep(5s);
  loop.settle();
  EXPECT_THAT(nap, is_pending());
  loop.advance(4s);
  EXPECT_THAT(nap, is_pending());
  loop.advance(1s);
  EXPECT_THAT(nap, fires());
}

TEST_F(TestLoop, S52_AdvanceIsOneTurnAndWhatItsCallsScheduleRunsInTheNext) {
  std::string ran;
  loop->call_later(1s,
                   [&] {
                     ran += 'a';
                     loop->call_later(0s, [&] { ran += 'b'; }).detach();
                   })
      .detach();
  loop.advance(10s);
  EXPECT_EQ(ran, "a");
  loop.turn();
  EXPECT_EQ(ran, "ab");
}

TEST_F(TestLoop, S52_PumpAdvancesSeveralTimes) {
  std::string ran;
  loop->call_later(1s,
                   [&] {
                     ran += 'a';
                     loop->call_later(1s, [&] { ran += 'b'; }).detach();
                   })
      .detach();
  loop.pump({1s, 500ms, 500ms});
  EXPECT_EQ(ran, "ab");
}

deferred<void> count_naps(reactor* loop, int* count) {
  for (; *count < 10; ++*count) {
    co_await loop->sleep(100ms);
  }
}

TEST_F(TestLoop, RunForStopsAtEverythingThatIsDue) {
  int count = 0;
  const auto napping = count_naps(&*loop, &count);
  loop.advance(450ms);
  EXPECT_EQ(count, 1);
  loop.run_for(450ms);
  EXPECT_EQ(count, 5);
  loop.run_until(napping);
  EXPECT_EQ(loop.now().time_since_epoch(), 1350ms);
}

TEST_F(TestLoop, RunHandsOverTheValueAndThrowsTheFailure) {
  EXPECT_EQ(loop.run(loop->sleep(1h).add_callback([] { return 5; })), 5);
  EXPECT_THROW(loop.run(fail<void>(errc::full)), error);
}

TEST_F(TestLoop, WhatCanNeverHappenIsNotWaitedFor) {
  promise<void> nobody_fires;
  const auto waiting = nobody_fires.get_deferred();
  try {
    loop.run_until(waiting);
    ADD_FAILURE() << "it came back";
  } catch (const run_failed& why) {
    EXPECT_THAT(why.what(), HasSubstr("deadlock"));
    EXPECT_THAT(why.what(), HasSubstr("test_loop_test.cpp"));
  }
  nobody_fires.callback();
}

deferred<void> answer(stream peer) {
  auto question = co_await peer.read_until("\n");
  co_await peer.write(question);
  co_await peer.close();
}

deferred<std::string> ask(reactor* loop, std::string endpoint, std::string question) {
  auto peer = co_await connect(*loop, endpoint);
  co_await peer.write(question);
  auto reply = co_await peer.read_exactly(question.size());
  co_await peer.close();
  co_return reply;
}

TEST_F(TestLoop, StreamsConnectWithinIt) {
  const auto port = loop.run(listen_streams(*loop, "tcp:127.0.0.1:0", answer));
  EXPECT_EQ(loop.run(ask(&*loop, port.local_address().to_string(), "hello\n")), "hello\n");
  loop.settle();
}

TEST_F(TestLoop, ItsStreamsMayBeSlow) {
  loop.set_faults({.least_delay = 10ms, .most_delay = 10ms});
  const auto port = loop.run(listen_streams(*loop, "unix:/echo", answer));
  const time_point began = loop.now();
  EXPECT_EQ(loop.run(ask(&*loop, "unix:/echo", "hello\n")), "hello\n");
  EXPECT_GE(loop.now() - began, 40ms);
  loop.run_for(1s);
}

}  // namespace
}  // namespace whorl::testing
