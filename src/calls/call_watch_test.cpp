#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <whorl/deferred/log.h>
#include <whorl/guard/call_watch.h>
#include <whorl/guard/permit_blocking.h>
#include <whorl/guard/stall_watch.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <clocale>
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "guard/teller.h"

namespace whorl {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

// Beside which what belongs to the process is changed.
class other_thread {
 public:
  ~other_thread() { done_ = true; }

 private:
  std::atomic<bool> done_ = false;
  std::jthread thread_{[this] {
    while (!done_) std::this_thread::sleep_for(1ms);
  }};
};

class CallWatch : public testing::Test {
 protected:
  CallWatch() {
    before_ = set_log_sink([this](log_level, std::string_view line) {
      const std::scoped_lock lock(access_);
      text_ += std::string(line) + '\n';
    });
    if (::pipe2(pipe_.data(), O_CLOEXEC) != 0) std::abort();
  }
  ~CallWatch() override {
    set_log_sink(before_);
    ::close(pipe_[0]);
    ::close(pipe_[1]);
  }

  std::string told() {
    detail::wait_until_told();
    const std::scoped_lock lock(access_);
    return text_;
  }

  // Runs it on the loop, in a call of its own.
  template <class F>
  void on_the_loop(F f) {
    auto call = loop.call_later(0s, std::move(f));
    while (call.active()) loop.turn(loop.now() + 1ms);
  }

  // A moment's sleep, as any other call that waits.
  static void wait_a_moment() { ::usleep(1); }

  reactor loop;
  std::array<int, 2> pipe_{};

 private:
  std::mutex access_;
  std::string text_;
  log_sink before_;
};

TEST_F(CallWatch, NamesTheCallTheLineAndWhatToUseInstead) {
  const call_watch guard(loop, {.name = "mine"});
  on_the_loop(wait_a_moment);
  EXPECT_THAT(told(), HasSubstr("a call that waits was made on the loop loop=mine call=usleep"));
  EXPECT_THAT(told(), HasSubstr("at=call_watch_test.cpp:"));
  EXPECT_THAT(told(), HasSubstr("reactor::call_later"));
}

TEST_F(CallWatch, TellsOfTheSameStackSeldomAndCountsIt) {
  const call_watch guard(loop);
  on_the_loop([] {
    for (int i = 0; i < 25; ++i) wait_a_moment();
  });
  ASSERT_EQ(guard.found().size(), 1U);
  EXPECT_EQ(guard.found()[0].times, 25U);
  EXPECT_THAT(told(), HasSubstr("times=10"));
  EXPECT_THAT(told(), Not(HasSubstr("times=2")));
}

TEST_F(CallWatch, ACallThatDoesNotWaitIsNotToldOf) {
  const call_watch guard(loop);
  on_the_loop([this] {
    char byte = 'x';
    EXPECT_EQ(::write(pipe_[1], &byte, 1), 1);
    EXPECT_EQ(::read(pipe_[0], &byte, 1), 1);
    ::fcntl(pipe_[0], F_SETFL, O_NONBLOCK);
    EXPECT_EQ(::read(pipe_[0], &byte, 1), -1);
    EXPECT_EQ(errno, EAGAIN);
    ::usleep(0);
    std::mutex free;
    const std::scoped_lock lock(free);
  });
  EXPECT_EQ(told(), "");
}

TEST_F(CallWatch, ACallThatSaysNotToWaitIsNotToldOf) {
  const call_watch guard(loop);
  std::array<int, 2> pair{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()), 0);
  on_the_loop([&] {
    char byte = 'x';
    EXPECT_EQ(::recv(pair[0], &byte, 1, MSG_DONTWAIT), -1);
    EXPECT_EQ(::poll(nullptr, 0, 0), 0);
    EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
  });
  ::close(pair[0]);
  ::close(pair[1]);
  EXPECT_EQ(told(), "");
}

TEST_F(CallWatch, MoreBytesThanThereIsRoomForAreToldOfThoughSomeFit) {
  const call_watch guard(loop, {.policy = on_waiting_call::throw_it});
  const std::string much(1'000'000, 'x');
  on_the_loop([&] {
    EXPECT_EQ(::write(pipe_[1], much.data(), 1000), 1000);
    EXPECT_THROW(static_cast<void>(::write(pipe_[1], much.data(), much.size())), call_refused);
  });
}

// What is expected by default: a lock that is had within a moment.
TEST_F(CallWatch, ALockThatIsLetGoAtOnceIsNotToldOf) {
  const call_watch guard(loop);
  std::mutex often_held;
  std::atomic<bool> done = false;
  const std::jthread other([&] {
    while (!done) const std::scoped_lock lock(often_held);
  });
  on_the_loop([&] {
    for (int i = 0; i < 1000; ++i) const std::scoped_lock lock(often_held);
  });
  done = true;
  EXPECT_EQ(told(), "");
}

TEST_F(CallWatch, AChildBeforeExecIsNotWatched) {
  const call_watch guard(loop);
  int status = -1;
  on_the_loop([&] {
    const pid_t child = ::fork();
    if (child == 0) {
      wait_a_moment();
      ::_exit(guard.found().empty() ? 7 : 8);
    }
    const permit_blocking because("a test waits for its child");
    ::waitpid(child, &status, 0);
  });
  EXPECT_EQ(WEXITSTATUS(status), 7);
}

// Each depth is a stack of its own.
[[gnu::noinline]] void wait_below(int depth) {
  if (depth == 0) {
    ::usleep(1);
  } else {
    wait_below(depth - 1);
  }
}

TEST_F(CallWatch, TellsOfTenASecondAndFindsTheOthers) {
  const call_watch guard(loop);
  on_the_loop([] {
    for (int depth = 0; depth < 50; ++depth) wait_below(depth);
  });
  EXPECT_EQ(guard.found().size(), 50U);
  const std::string text = told();
  const auto lines = std::ranges::count(text, '\n');
  EXPECT_GE(lines, 10);
  EXPECT_LE(lines, 20);  // in two seconds at most
}

TEST_F(CallWatch, OtherThreadsAndTheTimeBetweenTurnsAreFree) {
  const call_watch guard(loop);
  wait_a_moment();
  std::thread(wait_a_moment).join();
  EXPECT_EQ(told(), "");
}

TEST_F(CallWatch, ThrowsWhereTheProgramWantsThat) {
  const call_watch guard(loop, {.name = "mine", .policy = on_waiting_call::throw_it});
  on_the_loop([this] {
    char byte = 0;
    EXPECT_THROW(static_cast<void>(::read(pipe_[0], &byte, 1)), call_refused);
  });
}

TEST_F(CallWatch, ACallThatMustNotThrowIsToldOfInstead) {
  const call_watch guard(loop, {.policy = on_waiting_call::throw_it});
  std::mutex held;
  std::atomic<bool> has_it = false;
  const std::jthread other([&] {
    const std::scoped_lock lock(held);
    has_it = true;
    const auto until = std::chrono::steady_clock::now() + 10s;
    while (!told().contains("pthread_mutex_lock") && std::chrono::steady_clock::now() < until) {
      std::this_thread::sleep_for(1ms);
    }
  });
  while (!has_it) std::this_thread::yield();
  on_the_loop([&] { const std::scoped_lock lock(held); });
  EXPECT_THAT(told(), HasSubstr("call=pthread_mutex_lock"));
}

TEST_F(CallWatch, EndsTheProgramWhereItWantsThat) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_DEATH(
      {
        set_log_sink(nullptr);
        const call_watch guard(loop, {.policy = on_waiting_call::abort});
        on_the_loop(wait_a_moment);
      },
      "call=usleep");
}

TEST_F(CallWatch, APermissionHoldsInItsScopeAndIsListed) {
  const call_watch guard(loop);
  on_the_loop([] {
    const permit_blocking because("a test waits a moment");
    wait_a_moment();
  });
  EXPECT_EQ(told(), "");
  on_the_loop(wait_a_moment);
  EXPECT_THAT(told(), HasSubstr("call=usleep"));
  const auto all = blocking_permissions();
  const auto mine = std::ranges::find(all, "a test waits a moment", &blocking_permission::reason);
  ASSERT_NE(mine, all.end());
  EXPECT_EQ(mine->times, 1U);
  EXPECT_EQ(mine->excused, 1U);
}

TEST_F(CallWatch, APermissionEndsWhenItsTurnDoes) {
  const call_watch guard(loop);
  std::optional<permit_blocking> kept;
  on_the_loop([&] { kept.emplace("kept for too long"); });
  on_the_loop(wait_a_moment);
  EXPECT_THAT(told(), HasSubstr("call=usleep"));
}

TEST_F(CallWatch, APermissionHoldsForTheWatchOfStallsToo) {
  const stall_watch guard(loop, {.limit = 5ms});
  on_the_loop([] {
    const permit_blocking because("it sleeps for long");
    ::usleep(50'000);
  });
  EXPECT_EQ(told(), "");
}

TEST_F(CallWatch, AChangeOfTheProcessBesideOtherThreadsIsToldOfWithThem) {
  const call_watch guard(loop);
  const other_thread beside;
  ASSERT_EQ(::chdir("."), 0);
  EXPECT_THAT(told(), HasSubstr("the working directory changed beside other threads call=chdir"));
  EXPECT_THAT(told(), HasSubstr("at=call_watch_test.cpp:"));
  EXPECT_THAT(told(), HasSubstr("beside="));
}

TEST_F(CallWatch, AQuestionIsNoChange) {
  const call_watch guard(loop);
  const other_thread beside;
  struct sigaction now{};
  ::sigaction(SIGUSR1, nullptr, &now);
  EXPECT_NE(std::setlocale(LC_ALL, nullptr), nullptr);
  EXPECT_EQ(told(), "");
}

// tests/watch_test.py runs these, to see what scripts/watch_test.sh makes of them. Nothing of them is seen in the log.
class Watched : public testing::Test {
 protected:
  template <class F>
  void on_the_loop(F f) {
    auto call = loop_.call_later(0s, std::move(f));
    while (call.active()) loop_.turn(loop_.now() + 1ms);
  }

 private:
  log_sink before_ = set_log_sink([](log_level, std::string_view) {});
  reactor loop_;
};

TEST_F(Watched, DISABLED_DoesNotWait) {
  on_the_loop([] { ::usleep(0); });
}

TEST_F(Watched, DISABLED_WaitsWithPermission) {
  on_the_loop([] {
    const permit_blocking because("a test waits a moment");
    ::usleep(1);
  });
}

TEST_F(Watched, DISABLED_Waits) {
  on_the_loop([] { ::usleep(1); });
}

TEST_F(Watched, DISABLED_Computes) {
  on_the_loop([] {
    while (std::clock() < CLOCKS_PER_SEC / 4) {  // of processor time
    }
  });
}

TEST_F(Watched, DISABLED_ChangesTheProcessBesideAThread) {
  const other_thread beside;
  ASSERT_EQ(::chdir("."), 0);
}

}  // namespace
}  // namespace whorl
