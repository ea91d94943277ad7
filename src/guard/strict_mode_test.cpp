#include <gtest/gtest.h>
#include <netdb.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <whorl/facts/verdict.h>
#include <whorl/guard/strict_mode.h>
#include <whorl/reactor/unique_fd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "guard/system_calls.h"

namespace whorl {
namespace {

using namespace std::chrono_literals;

struct descriptors {
  unique_fd first;
  unique_fd second;
};

descriptors socket_pair(int flags) {
  std::array<int, 2> pair{};
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | flags, 0, pair.data()), 0);
  return {unique_fd(pair[0]), unique_fd(pair[1])};
}

class StrictMode : public testing::TestWithParam<std::unique_ptr<backend> (*)()> {
 protected:
  void SetUp() override {
    if (const auto reason = strict_mode::why_not()) {
      GTEST_SKIP() << *reason;
    }
    loop_.emplace(GetParam()());
  }

  // The findings about one callback.
  std::vector<strict_finding> found_in(std::function<void()> callback,
                                       strict_mode::files treatment = strict_mode::files::are_findings) {
    const strict_mode strict(*loop_, treatment);
    loop_->call_later(0s, std::move(callback)).detach();
    while (loop_->waiting_calls() != 0) {
      loop_->turn(loop_->now() + 1ms);
    }
    calls_ = strict.system_calls();
    return strict.findings();
  }

  std::optional<reactor> loop_;
  std::uint64_t calls_ = 0;
};

[[gnu::noinline]] void look_up_a_name() {
  addrinfo* found = nullptr;
  if (::getaddrinfo("localhost", "80", nullptr, &found) == 0) {
    ::freeaddrinfo(found);
  }
}

[[gnu::noinline]] void read_from(int descriptor) {
  char byte = 0;
  EXPECT_EQ(::read(descriptor, &byte, 1), 1);
}

TEST_P(StrictMode, ACallOnABlockingDescriptorIsAFindingWithArgumentsAndStack) {
  const descriptors pair = socket_pair(0);
  ASSERT_EQ(::write(pair.second.get(), "x", 1), 1);
  const auto found = found_in([&] { read_from(pair.first.get()); });
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].call, "read");
  EXPECT_EQ(found[0].why, "the descriptor is not non-blocking");
  EXPECT_EQ(found[0].times, 1U);
  const std::string text = found[0].describe();
  EXPECT_NE(text.find(std::to_string(pair.first.get()) + ", socket:["), std::string::npos) << text;
  EXPECT_NE(text.find("read_from (strict_mode_test.cpp:"), std::string::npos) << text;
  EXPECT_NE(text.find("a timed call from"), std::string::npos) << text;
  EXPECT_NE(text.find("strict_mode_test.cpp:"), std::string::npos) << text;
}

TEST_P(StrictMode, ACallOnANonBlockingDescriptorIsNone) {
  const descriptors pair = socket_pair(SOCK_NONBLOCK);
  ASSERT_EQ(::write(pair.second.get(), "x", 1), 1);
  EXPECT_TRUE(found_in([&] { read_from(pair.first.get()); }).empty());
  EXPECT_GE(calls_, 1U);
}

TEST_P(StrictMode, ACallThatSaysNotToWaitIsNone) {
  const descriptors pair = socket_pair(0);
  EXPECT_TRUE(found_in([&] {
                char byte = 0;
                EXPECT_LT(::recv(pair.first.get(), &byte, 1, MSG_DONTWAIT), 0);
                EXPECT_EQ(errno, EAGAIN);
                const timespec no_time{};
                EXPECT_EQ(::nanosleep(&no_time, nullptr), 0);
                EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
                EXPECT_EQ(errno, ECHILD);
              }).empty());
}

TEST_P(StrictMode, SleepingIsAFindingOnceForAPlace) {
  const auto found = found_in([] {
    for (int i = 0; i < 3; ++i) {
      std::this_thread::sleep_for(1us);
    }
  });
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].call, "clock_nanosleep");
  EXPECT_EQ(found[0].times, 3U);
}

TEST_P(StrictMode, SeesTheCallsInsideOfLibrariesAndNamesWhatTheProgramCalled) {
  const auto found = found_in(look_up_a_name);
  ASSERT_FALSE(found.empty());
  EXPECT_TRUE(std::ranges::any_of(found, [](const auto& each) {
    return std::ranges::any_of(each.stack, [](const auto& frame) { return frame.function.contains("look_up_a_name"); });
  })) << found[0].describe();
}

TEST_P(StrictMode, FilesAreFindingsUnlessTheTestSaysOtherwise) {
  const auto look = [] { static_cast<void>(!::access("/etc/passwd", R_OK)); };
  const auto found = found_in(look);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].call, "access");
  EXPECT_TRUE(found_in(look, strict_mode::files::are_fine).empty());
}

TEST_P(StrictMode, WhatIsDoneOutsideOfCallbacksIsNotSeen) {
  const strict_mode strict(*loop_);
  static_cast<void>(!::access("/etc/passwd", R_OK));
  loop_->turn(loop_->now() + 1ms);
  EXPECT_EQ(strict.system_calls(), 0U);
}

TEST_P(StrictMode, CallsGiveWhatTheyGiveOtherwise) {
  found_in([] {
    EXPECT_EQ(::syscall(SYS_getpid), ::getpid());
    errno = 0;
    EXPECT_EQ(::close(-1), -1);
    EXPECT_EQ(errno, EBADF);
    sigset_t all;
    sigset_t before;
    sigset_t meanwhile;
    sigfillset(&all);
    EXPECT_EQ(pthread_sigmask(SIG_SETMASK, &all, &before), 0);
    EXPECT_EQ(pthread_sigmask(SIG_SETMASK, &before, &meanwhile), 0);
    EXPECT_EQ(sigismember(&meanwhile, SIGUSR1), 1);
    EXPECT_EQ(pthread_sigmask(SIG_SETMASK, nullptr, &meanwhile), 0);
    EXPECT_EQ(sigismember(&meanwhile, SIGUSR1), 0);
  });
  EXPECT_GE(calls_, 2U);
}

volatile std::sig_atomic_t handled = 0;

TEST_P(StrictMode, HandlersOfSignalsRunAndReturn) {
  struct sigaction before{};
  struct sigaction action{};
  action.sa_handler = [](int) { handled = static_cast<std::sig_atomic_t>(::syscall(SYS_getppid)); };
  ASSERT_EQ(::sigaction(SIGUSR1, &action, &before), 0);
  handled = 0;
  found_in([] {
    EXPECT_EQ(::raise(SIGUSR1), 0);
    EXPECT_EQ(handled, ::getppid());
  });
  ::sigaction(SIGUSR1, &before, nullptr);
}

TEST_P(StrictMode, ThreadsAndProcessesCanBeMade) {
  int from_thread = 0;
  int status = -1;
  found_in([&] {
    std::thread([&] { from_thread = 7; }).join();
    const pid_t child = ::fork();
    if (child == 0) {
      ::_exit(3);
    }
    ASSERT_EQ(::waitpid(child, &status, 0), child);
  });
  EXPECT_EQ(from_thread, 7);
  EXPECT_EQ(WEXITSTATUS(status), 3);
  EXPECT_EQ(found_in([] { std::this_thread::sleep_for(1us); }).size(), 1U);  // the next callback is watched again
}

TEST_P(StrictMode, MayBeginAndEndInsideACallback) {
  std::size_t found = 0;
  loop_
      ->call_later(0s,
                   [&] {
                     const strict_mode strict(*loop_);
                     std::this_thread::sleep_for(1us);
                     found = strict.findings().size();
                   })
      .detach();
  loop_->turn(loop_->now());
  loop_->turn(loop_->now());
  EXPECT_EQ(found, 1U);
}

std::unique_ptr<backend> epoll() { return make_epoll_backend().value(); }
std::unique_ptr<backend> uring() { return make_uring_backend().value(); }

INSTANTIATE_TEST_SUITE_P(Backends, StrictMode, testing::Values(epoll, uring),
                         [](const auto& info) { return info.index == 0 ? "epoll" : "uring"; });

TEST(WaitingSystemCalls, AreThoseThatTheFactsSayMayWait) {
  for (const detail::known_system_call& each : detail::waiting_system_calls) {
    const facts::verdict known = facts::judge(each.name);
    const auto how = known.blocking.blocking;
    EXPECT_TRUE(!known.found || (how != facts::blocking_class::never && how != facts::blocking_class::cpu))
        << each.name << " is " << facts::name_of(how);
  }
}

}  // namespace
}  // namespace whorl
