#include <gtest/gtest.h>
#include <whorl/deferred/log.h>
#include <whorl/reactor/run.h>

#include <csignal>
#include <stdexcept>
#include <string>
#include <vector>

namespace whorl {
namespace {

using namespace std::chrono_literals;

class Run : public testing::Test {
 protected:
  Run() : before_(set_log_sink([this](log_level, std::string_view line) { logged.append(line).append("\n"); })) {}
  ~Run() override { set_log_sink(before_); }

  std::string logged;

 private:
  log_sink before_;
};

deferred<void> nothing(reactor&) { co_return; }
deferred<int> three(reactor& loop) {
  co_await loop.sleep(1ms);
  co_return 3;
}
deferred<int> sum(reactor&, int a, int b) { co_return a + b; }
deferred<void> failing(reactor& loop) {
  co_await loop.sleep(0s);
  throw std::runtime_error("no luck");
}
deferred<void> throwing(reactor&) { throw std::runtime_error("no deferred at all"); }

TEST_F(Run, S51_GivesZeroForSuccessAlsoWhenItIsReadyBeforeTheLoopRuns) { EXPECT_EQ(run(nothing), 0); }

TEST_F(Run, S51_GivesTheIntThatMainReturns) {
  EXPECT_EQ(run(three), 3);
  EXPECT_EQ(run(sum, 4, 5), 9);
}

TEST_F(Run, S51_GivesOneForAFailureAndLogsIt) {
  EXPECT_EQ(run(failing), 1);
  EXPECT_NE(logged.find("no luck"), std::string::npos) << logged;
  EXPECT_EQ(run(throwing), 1);
  EXPECT_NE(logged.find("no deferred at all"), std::string::npos) << logged;
}

deferred<void> leave_in_a_hurry(reactor& loop) {
  co_await loop.sleep(0s);
  throw exit_request(5);
}
deferred<int> leave_from_far_below(reactor& loop) {
  co_await leave_in_a_hurry(loop);
  co_return 0;
}

TEST_F(Run, S51_GivesTheStatusOfAnExitRequestWithoutLoggingIt) {
  EXPECT_EQ(run(leave_from_far_below), 5);
  EXPECT_EQ(run([](reactor&) -> deferred<int> { throw exit_request(6); }), 6);
  EXPECT_EQ(logged, "");
}

deferred<int> stop_and_leave(reactor& loop) {
  loop.stop();
  loop.stop_from_thread();
  co_return 7;
}

TEST_F(Run, S51_GivesMainsStatusAlsoWhenTheLoopWasStoppedBefore) { EXPECT_EQ(run(stop_and_leave), 7); }

deferred<int> stop_and_stay(reactor& loop, int* shutdowns) {
  const auto trigger = loop.before_shutdown([shutdowns] {
    ++*shutdowns;
    return succeed();
  });
  loop.stop();
  loop.stop_from_thread();
  loop.call_later(0s, [] { ::raise(SIGTERM); }).detach();
  co_await loop.sleep(1ms).add_errback([](const failure&) {});
  loop.stop();
  co_return 8;
}

TEST_F(Run, S51_RunsTheShutdownOnceWhateverStoppedTheLoop) {
  int shutdowns = 0;
  EXPECT_EQ(run(stop_and_stay, &shutdowns), 8);
  EXPECT_EQ(shutdowns, 1);
}

deferred<void> serve(reactor& loop, std::vector<std::string>* events) {
  const auto trigger = loop.before_shutdown([&loop, events]() -> deferred<void> {
    return loop.sleep(1ms).add_callback([events] { events->emplace_back("drained"); });
  });
  loop.call_later(0s, [] { ::raise(SIGTERM); }).detach();
  try {
    co_await loop.sleep(std::chrono::hours(1));
  } catch (const error& why) {
    events->push_back(why.message());
    throw;
  }
}

TEST_F(Run, ASignalRunsTheShutdownAndThenCancelsMain) {
  std::vector<std::string> events;
  EXPECT_EQ(run(serve, &events), 0);
  EXPECT_EQ(events, std::vector<std::string>({"drained", "cancelled"}));
}

deferred<int> answer_when_cancelled(reactor& loop) {
  loop.call_later(0s, [&loop] { loop.stop(); }).detach();
  try {
    co_await loop.sleep(std::chrono::hours(1));
  } catch (const error&) {
  }
  co_await loop.sleep(1ms);
  co_return 4;
}

TEST_F(Run, AMainThatEndsAfterItsCancellationGivesItsOwnStatus) { EXPECT_EQ(run(answer_when_cancelled), 4); }

deferred<void> never_end(reactor& loop) {
  loop.call_later(0s, [] { ::raise(SIGINT); }).detach();
  try {
    co_await loop.sleep(std::chrono::hours(1));
  } catch (const error&) {
  }
  loop.call_later(0s, [] { ::raise(SIGINT); }).detach();
  co_await loop.sleep(std::chrono::hours(1));
}

TEST_F(Run, ASecondSignalDropsAMainThatDoesNotEnd) { EXPECT_EQ(run(never_end), 1); }

TEST_F(Run, AnUnknownBackendIsAClearError) {
  ::setenv("WHORL_BACKEND", "kqueue", 1);
  EXPECT_EQ(run(nothing), 1);
  ::unsetenv("WHORL_BACKEND");
  EXPECT_NE(logged.find("kqueue"), std::string::npos) << logged;
  EXPECT_NE(logged.find("uring or epoll"), std::string::npos) << logged;
}

}  // namespace
}  // namespace whorl
