// Each check, in a test that it fails and in one that it does not.

#include <sys/stat.h>
#include <unistd.h>
#include <whorl/deferred/task_set.h>
#include <whorl/testing/checks.h>
#include <whorl/testing/matchers.h>

#include <gmock/gmock.h>

#include <memory>
#include <optional>
#include <string>

namespace whorl::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::Gt;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pointee;

deferred<void> fail_after(reactor* loop, duration delay) {
  co_await loop->sleep(delay);
  throw error(errc::not_found, "no such file");
}

TEST(Checks, AFailureThatNobodyHandlesFailsTheTest) {
  EXPECT_NONFATAL_FAILURE(
      {
        const no_unhandled_failures watch;
        test_loop loop;
        fail_after(&*loop, 1ms).detach();
        loop.run_for(2ms);
      },
      "no such file");
}

TEST(Checks, AFailureOfWorkInTheBackgroundFailsTheTest) {
  EXPECT_NONFATAL_FAILURE(
      {
        const no_unhandled_failures watch;
        test_loop loop;
        task_set background;
        background.add("search", fail_after(&*loop, 1ms));
        loop.run_for(2ms);
      },
      "search");
}

TEST(Checks, AThrowingCallFailsTheTest) {
  EXPECT_NONFATAL_FAILURE(
      {
        const no_unhandled_failures watch;
        test_loop loop;
        loop->call_from_thread([] { throw error(errc::full); });
        loop.turn();
      },
      "full");
}

TEST(Checks, AHandledFailureDoesNot) {
  const no_unhandled_failures watch;
  test_loop loop;
  auto failing = fail_after(&*loop, 1ms);
  loop.run_for(2ms);
  EXPECT_THAT(failing, fails_with(errc::not_found));
}

TEST(Checks, ATimerThatIsLeftFailsTheTest) {
  EXPECT_NONFATAL_FAILURE(
      {
        test_loop loop;
        const no_leaked_timers watch(*loop);
        loop->call_later(1s, [] {}).detach();
        loop->call_later(1s, [] {}).cancel();
      },
      "1 timed calls still wait");
}

TEST(Checks, TimersThatRanOrWereDroppedDoNot) {
  test_loop loop;
  loop->call_later(1h, [] {}).detach();
  const no_leaked_timers watch(*loop);
  loop->call_later(1s, [] {}).detach();
  const delayed_call dropped = loop->call_later(2s, [] {});
  loop.run_for(1s);
}

TEST(Checks, ADeferredThatIsLeftFailsTheTest) {
  const captured_log broken_promises;
  EXPECT_NONFATAL_FAILURE(
      {
        test_loop loop;
        std::unique_ptr<promise<int>> forgotten;
        const no_leaked_deferreds watch(*loop);
        forgotten = std::make_unique<promise<int>>();
        forgotten->get_deferred().add_callback([](int) {}).detach();
      },
      "checks_test.cpp");
  EXPECT_NONFATAL_FAILURE(
      {
        test_loop loop;
        std::optional<deferred<void>> forgotten;
        const no_leaked_deferreds watch(*loop);
        loop->call_from_thread([&] { forgotten = loop->sleep(1h); });
        loop.turn();
      },
      "never fired");
}

TEST(Checks, DeferredsThatFiredOrWereDroppedDoNot) {
  test_loop loop;
  const promise<int> older;
  const no_leaked_deferreds watch(*loop);
  loop.run(loop->sleep(1s));
  const auto dropped = loop->sleep(1h);
}

void look_for_a_file_in_a_callback(test_loop& loop) {
  loop->call_later(0s, [] { static_cast<void>(!::access("/", R_OK)); }).detach();
  loop.turn();
}

TEST(Checks, ALookAtAFileInACallbackFailsTheTest) {
  test_loop loop;
  if (const auto reason = strict_mode::why_not()) {
    EXPECT_FALSE(no_blocking_calls(*loop).watches());
    GTEST_SKIP() << *reason;
  }
  EXPECT_NONFATAL_FAILURE(
      {
        const no_blocking_calls watch(*loop);
        EXPECT_TRUE(watch.watches());
        look_for_a_file_in_a_callback(loop);
      },
      "access");
}

TEST(Checks, CallsOutsideOfCallbacksAndThoseOnFilesIfItSaysSoDoNot) {
  test_loop loop;
  const no_blocking_calls watch(*loop, strict_mode::files::are_fine);
  ::usleep(1);
  look_for_a_file_in_a_callback(loop);
}

TEST(Checks, ACallbackThatChangesTheProcessFailsTheTest) {
  test_loop loop;
  const mode_t before = ::umask(022);
  EXPECT_NONFATAL_FAILURE(
      {
        const no_process_state_changes watch(*loop);
        loop->call_later(0s, [] { ::umask(027); }).detach();
        loop.turn();
      },
      "a callback changed what belongs to the whole process: the umask");
  ::umask(before);
}

TEST(Checks, AChangeThatIsTakenBackInTheCallbackOrMadeOutsideDoesNot) {
  test_loop loop;
  const mode_t before = ::umask(022);
  {
    const no_process_state_changes watch(*loop);
    ::umask(027);
    loop->call_later(0s, [] { ::umask(::umask(022)); }).detach();
    loop.turn();
  }
  ::umask(before);
}

class Fixture : public loop_test {};

TEST_F(Fixture, HasALoopThatIsWatched) {
  auto nap = loop->sleep(1s);
  loop.advance(1s);
  EXPECT_THAT(nap, fires());
}

// The fixture, with a test that leaves everything behind.
class careless_test : public loop_test {
 public:
  void TestBody() override {
    fail_after(&*loop, 1ms).detach();
    loop.run_for(2ms);
    loop->sleep(1h).detach();
  }
};

TEST(Checks, TheFixtureMakesThemAll) {
  ::testing::TestPartResultArray found;
  {
    const ::testing::ScopedFakeTestPartResultReporter reporter(
        ::testing::ScopedFakeTestPartResultReporter::INTERCEPT_ONLY_CURRENT_THREAD, &found);
    careless_test().TestBody();
  }
  ASSERT_EQ(found.size(), 3);
  EXPECT_THAT(found.GetTestPartResult(0).message(), HasSubstr("never fired"));
  EXPECT_THAT(found.GetTestPartResult(1).message(), HasSubstr("timed calls still wait"));
  EXPECT_THAT(found.GetTestPartResult(2).message(), HasSubstr("no such file"));
}

TEST(Matchers, TellPendingFromFiredFromFailed) {
  promise<int> given;
  auto answer = given.get_deferred();
  EXPECT_THAT(answer, is_pending());
  EXPECT_THAT(answer, Not(fires()));
  given.callback(42);
  EXPECT_THAT(answer, Not(is_pending()));
  EXPECT_THAT(answer, fires());
  EXPECT_THAT(answer, fires_with(42));
  EXPECT_THAT(answer, fires_with(Gt(40)));
  EXPECT_THAT(answer, Not(fires_with(43)));
  EXPECT_THAT(answer, Not(fails_with(errc::timed_out)));
  EXPECT_EQ(std::move(answer).take(), 42);
  EXPECT_THAT(answer, Not(is_pending()));
}

TEST(Matchers, LookAtValuesThatCannotBeCopied) {
  auto owned = succeed(std::make_unique<int>(7));
  EXPECT_THAT(owned, fires_with(Pointee(7)));
}

TEST(Matchers, TakeTheFailureThatTheyMatch) {
  const no_unhandled_failures watch;
  auto failed = fail<void>(error(errc::bad_input, "port 99999 is too large"));
  EXPECT_THAT(failed, Not(fails_with(errc::timed_out)));
  EXPECT_THAT(failed, Not(fails_with(errc::bad_input, "something else")));
  EXPECT_TRUE(failed.valid());
  EXPECT_THAT(failed, fails_with(errc::bad_input, HasSubstr("99999")));
  EXPECT_FALSE(failed.valid());
}

TEST(Matchers, SayWhatTheyFound) {
  EXPECT_NONFATAL_FAILURE(EXPECT_THAT(succeed(3), fires_with(Gt(4))), "fires with a value that is > 4");
  EXPECT_NONFATAL_FAILURE(EXPECT_THAT(succeed(3), fires_with(Gt(4))), "a deferred that fired with 3");
  EXPECT_NONFATAL_FAILURE(EXPECT_THAT(succeed(), is_pending()), "a deferred that fired");
  promise<void> never;
  const auto waiting = never.get_deferred();
  EXPECT_NONFATAL_FAILURE(EXPECT_THAT(waiting, fires()), "a deferred that is pending: it waits for a promise made");
  const captured_log unhandled;
  EXPECT_NONFATAL_FAILURE(EXPECT_THAT(fail<int>(errc::full), fires()), "a deferred that failed: full");
  EXPECT_NONFATAL_FAILURE(EXPECT_THAT(fail<int>(errc::full), fails_with(errc::closed)), "fails with \"closed\"");
}

}  // namespace
}  // namespace whorl::testing
