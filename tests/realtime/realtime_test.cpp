// Clang's real-time sanitizer sees a call that waits wherever a loop runs code of the program's, and nowhere else.
// For builds with it only: `make rtsan`.
//
// They are death tests in which nothing dies: what a child writes to its standard error is what the sanitizer reports.
#include <unistd.h>
#include <whorl/guard/permit_blocking.h>
#include <whorl/guard/waiting_call.h>
#include <whorl/places/defer_to.h>
#include <whorl/places/thread_pool.h>

#include <cstdlib>
#include <optional>
#include <semaphore>

#include "net/conformance.h"

static_assert(WHORL_REALTIME_SANITIZED);

namespace whorl {
namespace {

using namespace std::chrono_literals;

void wait_a_moment() { ::usleep(1); }

#define EXPECT_OUTPUT(matcher, ...) \
  EXPECT_EXIT(                      \
      {                             \
        __VA_ARGS__;                \
        std::_Exit(0);              \
      },                            \
      testing::ExitedWithCode(0), matcher)
#define EXPECT_TOLD(...) EXPECT_OUTPUT(testing::HasSubstr("`usleep`"), __VA_ARGS__)
#define EXPECT_SILENT(...) EXPECT_OUTPUT(testing::Not(testing::HasSubstr("`usleep`")), __VA_ARGS__)

class RealTime : public loop_test {
 protected:
  void SetUp() override {
    GTEST_FLAG_SET(death_test_style, "threadsafe");  // the child makes a loop of its own
    loop_test::SetUp();
  }

  template <class F>
  void in_a_timed_call(F f) {
    const auto call = loop().call_later(0s, std::move(f));
    until([&] { return !call.active(); }, "a timed call");
  }

  void connect_pair() {
    auto made =
        listen(loop(), "tcp:127.0.0.1:0", [this](const address&) { return std::make_unique<recorder>(server); }).take();
    ASSERT_TRUE(made) << made.error().error().what();
    port_.emplace(std::move(*made));
    ASSERT_TRUE(result_of(connect(loop(), port_->local_address().to_string(), std::make_unique<recorder>(client))));
    until([&] { return server.has("made"); }, "the server has the connection");
  }

  void run_and_stop() {
    const auto stopping = loop().call_later(0s, [this] { loop().stop(); });
    loop().run();
  }

  record server;
  record client;

 private:
  std::optional<port> port_;
};

deferred<void> wait_when_resumed(reactor* loop) {
  co_await loop->sleep(0s);
  wait_a_moment();
}

// To be a record's `react`.
std::function<void(record&, std::string_view)> waiting_in(std::string_view event) {
  return [event](record&, std::string_view what) {
    if (what == event) wait_a_moment();
  };
}

TEST_P(RealTime, SeesATimedCall) { EXPECT_TOLD(in_a_timed_call(wait_a_moment)); }

TEST_P(RealTime, SeesACoroutineThatTheLoopResumes) { EXPECT_TOLD(result_of(wait_when_resumed(&loop()))); }

TEST_P(RealTime, SeesACallFromAnotherThread) { EXPECT_TOLD(loop().call_from_thread(wait_a_moment); settle()); }

TEST_P(RealTime, SeesAnEventOfAProtocol) {
  EXPECT_TOLD(connect_pair(); server.react = waiting_in("received"); client.connection->write("hello"); settle());
}

TEST_P(RealTime, SeesTheLossOfAConnection) {
  EXPECT_TOLD(connect_pair(); server.react = waiting_in("lost"); client.connection->abort_connection(); settle());
}

TEST_P(RealTime, SeesTheDestructionOfAProtocol) {
  EXPECT_TOLD(connect_pair(); server.react = waiting_in("destroyed"); client.connection->abort_connection(); settle());
}

TEST_P(RealTime, SeesAConnectionThatIsLostBecauseTheLoopEnds) {
  EXPECT_TOLD(connect_pair(); server.react = waiting_in("lost"); run_and_stop());
}

TEST_P(RealTime, SeesAStepOfTheShutdown) {
  EXPECT_TOLD({
    const auto step = loop().before_shutdown([] {
      wait_a_moment();
      return succeed();
    });
    run_and_stop();
  });
}

TEST_P(RealTime, IsSilentOutsideOfCallbacks) {
  EXPECT_SILENT({
    wait_a_moment();
    in_a_timed_call([] {});
    wait_a_moment();
    run_and_stop();
    wait_a_moment();
    end_loop();
    wait_a_moment();
  });
}

TEST_P(RealTime, IsSilentWhereWaitingIsPermitted) {
  EXPECT_SILENT(in_a_timed_call([] {
    const permit_blocking because("a test waits a moment");
    wait_a_moment();
  }));
}

TEST_P(RealTime, IsSilentAboutWhatLooksAtCalls) {
  EXPECT_SILENT(in_a_timed_call([] {
    const unobserved quiet;
    wait_a_moment();
  }));
}

TEST_P(RealTime, SeesWhatFollowsThePermission) {
  EXPECT_TOLD(in_a_timed_call([] {
    {
      const permit_blocking because("a test waits a moment");
    }
    wait_a_moment();
  }));
}

TEST_P(RealTime, SeesTheCallbackAfterTheOneThatKeptItsPermission) {
  EXPECT_TOLD({
    std::optional<permit_blocking> kept;
    in_a_timed_call([&] { kept.emplace("kept for too long"); });
    in_a_timed_call(wait_a_moment);
  });
}

TEST_P(RealTime, APermissionThatIsKeptTakesNothingFromALaterOne) {
  EXPECT_SILENT({
    std::optional<permit_blocking> kept;
    in_a_timed_call([&] { kept.emplace("kept for too long"); });
    in_a_timed_call([&] {
      kept.reset();
      const permit_blocking because("a test waits a moment");
      wait_a_moment();
    });
  });
}

WHORL_ON_EVERY_LOOP(EveryLoop, RealTime);

std::binary_semaphore may_answer(0);
int answer_when_allowed() {
  may_answer.acquire();
  return 1;
}

TEST(RealTimeOfThreads, SeesWhoIsToldThatTheLoopEndsBeforeTheAnswer) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_TOLD({
    reactor loop;
    thread_pool pool;
    const auto told = defer_to(pool, answer_when_allowed).add_errback([](const failure&) {
      wait_a_moment();
      return 0;
    });
    loop.stop();
    loop.run();
    may_answer.release();
  });
}

TEST(RealTimeOfThreads, IsSilentAboutAPool) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_SILENT({
    reactor loop;
    thread_pool pool;
    const auto done = defer_to(pool, wait_a_moment);
    while (!done.ready()) loop.turn(loop.now() + 1ms);
  });
}

}  // namespace
}  // namespace whorl
