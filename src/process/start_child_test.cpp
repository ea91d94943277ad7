// Making a child without a loop: by borrowed and by copied memory.

#include "process/start_child.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <string>
#include <thread>

namespace whorl::process {
namespace {

siginfo_t end_of(const started_child& made) {
  siginfo_t how{};
  EXPECT_EQ(::waitid(P_PIDFD, static_cast<id_t>(made.pidfd.get()), &how, WEXITED), 0);
  return how;
}

// Text that a plan points to.
struct prepared {
  explicit prepared(std::string script) : words{"sh", "-c", std::move(script)} {
    plan.candidates = {"/no/such/place/sh", "/bin/sh", nullptr};
    plan.arguments = {words[0].data(), words[1].data(), words[2].data(), nullptr};
    plan.environment = {nullptr};
  }

  std::array<std::string, 3> words;
  child_plan plan;
};

class StartChild : public testing::TestWithParam<child_memory> {};

TEST_P(StartChild, TheProgramRuns) {
  const prepared given("exit 7");
  const auto made = start_child(given.plan, GetParam());
  ASSERT_TRUE(made);
  const siginfo_t how = end_of(*made);
  EXPECT_EQ(how.si_pid, made->pid);
  EXPECT_EQ(how.si_status, 7);
}

TEST_P(StartChild, S106_TheStepThatFailedIsKnownAtOnceAndNoChildIsLeft) {
  prepared given("exit 0");
  given.plan.directory = "/no/such/place";
  const auto nowhere = start_child(given.plan, GetParam());
  ASSERT_FALSE(nowhere);
  EXPECT_EQ(nowhere.error().which, launch_step::change_directory);
  EXPECT_EQ(nowhere.error().error_number, ENOENT);

  given.plan.directory = nullptr;
  given.plan.candidates = {"/no/such/place/sh", "/etc/passwd", "/no/such/program", nullptr};
  const auto forbidden = start_child(given.plan, GetParam());
  ASSERT_FALSE(forbidden);
  EXPECT_EQ(forbidden.error().which, launch_step::execute);
  EXPECT_EQ(forbidden.error().error_number, EACCES);
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
}

TEST_P(StartChild, S102_TheParentsMaskAndHandlersStayAsTheyWere) {
  struct sigaction handled{};
  handled.sa_handler = [](int) {};
  struct sigaction before{};
  ::sigaction(SIGUSR2, &handled, &before);
  const prepared given("exit 0");
  const auto made = start_child(given.plan, GetParam());
  ASSERT_TRUE(made);
  end_of(*made);
  struct sigaction after{};
  ::sigaction(SIGUSR2, &before, &after);
  sigset_t mask;
  ::pthread_sigmask(SIG_SETMASK, nullptr, &mask);
  EXPECT_EQ(after.sa_handler, handled.sa_handler);
  EXPECT_EQ(::sigismember(&mask, SIGTERM), 0);
}

TEST_P(StartChild, TheDeathOfTheThreadThatMadeItIsSignalled) {
  prepared given("exec sleep 1000");
  given.plan.death_signal = SIGUSR1;
  std::expected<started_child, failed_step> made = std::unexpected(failed_step{});
  std::thread([&] { made = start_child(given.plan, GetParam()); }).join();
  ASSERT_TRUE(made);
  EXPECT_EQ(end_of(*made).si_status, SIGUSR1);
}

TEST_P(StartChild, ManyThreadsMakeChildrenAtOnce) {
  std::array<std::thread, 4> threads;
  std::array<int, 4> right{};
  for (std::size_t i = 0; i < threads.size(); ++i) {
    threads[i] = std::thread([&right, i] {
      for (int round = 0; round < 10; ++round) {
        const prepared given("exit " + std::to_string(i));
        const auto made = start_child(given.plan, GetParam());
        right[i] += made && end_of(*made).si_status == static_cast<int>(i) ? 1 : 0;
      }
    });
  }
  for (std::thread& each : threads) each.join();
  EXPECT_EQ(right, (std::array<int, 4>{10, 10, 10, 10}));
}

INSTANTIATE_TEST_SUITE_P(Memory, StartChild, testing::Values(child_memory::borrowed, child_memory::copied),
                         [](const auto& kind) { return kind.param == child_memory::borrowed ? "borrowed" : "copied"; });

}  // namespace
}  // namespace whorl::process
