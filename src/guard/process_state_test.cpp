#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <whorl/deferred/log.h>
#include <whorl/guard/process_state.h>

#include <chrono>
#include <clocale>
#include <csignal>
#include <cstdlib>
#include <functional>
#include <string>
#include <utility>

namespace whorl {
namespace {

using namespace std::chrono_literals;

// Keeps the warnings off the test's output.
class ProcessState : public testing::Test {
 protected:
  ProcessState() : before_(set_log_sink([](log_level, std::string_view) {})) {}
  ~ProcessState() override { set_log_sink(before_); }

  std::vector<process_state_change> changed_by(std::function<void()> callback) {
    loop_.call_later(0s, std::move(callback)).detach();
    const process_state_check check(loop_);
    loop_.turn(loop_.now());
    loop_.turn(loop_.now());
    return check.changes();
  }

  // The only change that this makes, as text.
  std::string change_by(std::function<void()> callback) {
    const auto changes = changed_by(std::move(callback));
    EXPECT_EQ(changes.size(), 1U);
    return changes.empty() ? "" : changes[0].describe();
  }

  reactor loop_{make_memory_backend(make_memory_network(1))};

 private:
  log_sink before_;
};

TEST_F(ProcessState, AWorkingDirectoryThatARawSystemCallChangedIsToldWithTurnAndCallback) {
  const std::string before = process_state::now().working_directory;
  const std::string text = change_by([] { EXPECT_EQ(::syscall(SYS_chdir, "/"), 0); });
  EXPECT_TRUE(text.starts_with("the working directory: from \"" + before + "\" to \"/\", in turn ")) << text;
  EXPECT_NE(text.find("a timed call from"), std::string::npos) << text;
  EXPECT_NE(text.find("process_state_test.cpp:"), std::string::npos) << text;
  ASSERT_EQ(::chdir(before.c_str()), 0);
}

TEST_F(ProcessState, AnUmaskIsTold) {
  const mode_t before = ::umask(022);
  const std::string text = change_by([] { ::umask(077); });
  EXPECT_TRUE(text.starts_with("the umask: from 0022 to 0077")) << text;
  ::umask(before);
}

TEST_F(ProcessState, AnEnvironmentVariableIsToldWithBothValues) {
  ASSERT_EQ(::setenv("WHORL_TEST", "old", 1), 0);
  EXPECT_TRUE(change_by([] {
                ::setenv("WHORL_TEST", "new", 1);
              }).starts_with("the environment variable WHORL_TEST: from \"old\" to \"new\""));
  EXPECT_TRUE(change_by([] {
                ::unsetenv("WHORL_TEST");
              }).starts_with("the environment variable WHORL_TEST: from \"new\" to nothing"));
}

TEST_F(ProcessState, ALocaleIsTold) {
  EXPECT_TRUE(
      change_by([] { std::setlocale(LC_ALL, "C.UTF-8"); }).starts_with("the locale: from \"C\" to \"C.UTF-8\""));
  std::setlocale(LC_ALL, "C");
}

TEST_F(ProcessState, ADispositionIsTold) {
  const std::string text = change_by([] { std::signal(SIGUSR2, SIG_IGN); });
  EXPECT_TRUE(text.starts_with("the disposition of SIGUSR2: from the default to ignored")) << text;
  std::signal(SIGUSR2, SIG_DFL);
}

TEST_F(ProcessState, ALimitIsTold) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_CORE, &before), 0);
  const rlimit less{.rlim_cur = before.rlim_cur == 4096 ? 0U : 4096U, .rlim_max = before.rlim_max};
  const std::string text = change_by([&] { EXPECT_EQ(::setrlimit(RLIMIT_CORE, &less), 0); });
  EXPECT_TRUE(text.starts_with("the limit CORE: from ")) << text;
  ::setrlimit(RLIMIT_CORE, &before);
}

TEST_F(ProcessState, WhatIsChangedBetweenTurnsIsTheTurnersOwn) {
  const process_state_check check(loop_);
  ASSERT_EQ(::setenv("WHORL_TEST", "between", 1), 0);
  loop_.call_later(0s, [] {}).detach();
  loop_.turn(loop_.now());
  ::unsetenv("WHORL_TEST");
  EXPECT_TRUE(check.changes().empty());
}

TEST_F(ProcessState, CallbacksThatChangeNothingAreNotTold) {
  EXPECT_TRUE(changed_by([] { EXPECT_NE(::getenv("PATH"), nullptr); }).empty());
}

}  // namespace
}  // namespace whorl
