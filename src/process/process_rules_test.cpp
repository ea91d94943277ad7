// The rules of child processes, S98 to S109, on both kernel back ends.

#include <whorl/deferred/log.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "process/process_under_test.h"

namespace whorl::process {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

// A child whose own child holds all its pipes, until its descriptor 3 ends.
command with_orphan() { return sh("(read line <&3) <&0 & exit 3").descriptor(3, wire::to_child()); }

class Process : public process_test {
 protected:
  void SetUp() override {
    before_ = set_log_sink([this](log_level, std::string_view line) { logged_.emplace_back(line); });
    process_test::SetUp();
  }
  void TearDown() override {
    seen.react = nullptr;
    process_test::TearDown();
    set_log_sink(std::move(before_));
  }

  void spawn(const command& what) {
    auto made = what.spawn(loop(), std::make_unique<recorder>(seen));
    ASSERT_TRUE(made) << made.error().what();
    ASSERT_EQ(*made, seen.running);
  }

  void until_ended() {
    until([&] { return seen.has("destroyed"); }, "the child has ended");
  }

  exit_status status_after(const command& what) {
    seen = {};
    spawn(what);
    until_ended();
    return *seen.ended;
  }

  std::string printed_by(const command& what) {
    auto got = result_of(what.output(loop()));
    EXPECT_TRUE(got) << got.error().error().what();
    return got ? got->out : "";
  }

  record seen;
  std::vector<std::string> logged_;

 private:
  log_sink before_;
};

TEST_P(Process, S98_TheEndComesAfterTheExitAndEveryPipe) {
  spawn(with_orphan());
  until([&] { return seen.exited.has_value(); }, "the child has exited");
  settle();
  EXPECT_FALSE(seen.ended) << "its own child holds the pipes";
  seen.running->close(3);
  until_ended();
  EXPECT_EQ(seen.events.front(), "started");
  EXPECT_THAT(seen.events, AllOf(Contains("exited").Times(1), Contains("ended").Times(1)));
  EXPECT_THAT(seen.events, AllOf(Contains("output ended 1").Times(1), Contains("output ended 2").Times(1)));
  EXPECT_EQ(seen.events.at(seen.events.size() - 2), "ended");
  EXPECT_EQ(seen.ended->exit_code(), 3);
}

TEST_P(Process, S98_PipesThatCloseBeforeTheExitDoNotEndIt) {
  spawn(sh("exec <&- >&- 2>&-; read line <&3").descriptor(3, wire::to_child()));
  until([&] { return seen.has("output ended 1") && seen.has("output ended 2") && seen.has("input ended 0"); },
        "the pipes are closed");
  settle();
  EXPECT_FALSE(seen.exited);
  seen.running->close(3);
  until_ended();
  EXPECT_TRUE(seen.has("ended"));
}

TEST_P(Process, S98_EndOnExitDoesNotWaitForGrandchildren) {
  spawn(with_orphan().end_on_exit(duration::zero()));
  until_ended();
  EXPECT_EQ(seen.ended->exit_code(), 3);
  EXPECT_THAT(seen.events, Contains("input ended 3").Times(1));
}

TEST_P(Process, S98_EndOnExitCanBeAskedForAfterTheExit) {
  spawn(with_orphan());
  until([&] { return seen.exited.has_value(); }, "the child has exited");
  seen.running->end_on_exit(std::chrono::milliseconds(5));
  until_ended();
  EXPECT_TRUE(seen.ended);
}

TEST_P(Process, S99_TheStatusTellsSuccessFromExitCodesAndSignals) {
  const exit_status done = status_after(sh("exit 0"));
  EXPECT_TRUE(done.succeeded());
  EXPECT_EQ(done.to_string(), "exited with 0");
  EXPECT_GT(done.used().peak_resident_bytes, 0U);

  const exit_status failing = status_after(sh("exit 3"));
  EXPECT_FALSE(failing.succeeded());
  EXPECT_EQ(failing.exit_code(), 3);
  EXPECT_EQ(failing.signal(), std::nullopt);

  const exit_status killed = status_after(sh("kill -9 $$"));
  EXPECT_FALSE(killed.succeeded());
  EXPECT_EQ(killed.exit_code(), std::nullopt);
  EXPECT_EQ(killed.signal(), SIGKILL);
  EXPECT_EQ(killed.to_string(), "killed by signal 9 (Killed)");
}

TEST_P(Process, S100_ExitIsNoticedWithoutOtherEventsAlsoWhenSpawnedBeforeRun) {
  spawn(sh("exit 0").descriptor(0, wire::null()).descriptor(1, wire::null()).descriptor(2, wire::null()));
  seen.react = [&](std::string_view event) {
    if (event == "ended") loop().stop();
  };
  const auto began = std::chrono::steady_clock::now();
  auto give_up = loop().call_later(std::chrono::seconds(10), [&] { loop().stop(); });
  loop().run();
  EXPECT_TRUE(seen.ended);
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(5));
}

TEST_P(Process, S100_ChildrenOneAfterTheOtherAreAllNoticed) {
  int begun = 0;
  record last;
  std::function<void()> next = [&] {
    ++begun;
    auto made = command("/bin/true").spawn(loop(), std::make_unique<recorder>(last));
    ASSERT_TRUE(made) << made.error().what();
  };
  last.react = [&](std::string_view event) {
    if (event == "ended" && begun < 30) next();
  };
  next();
  until([&] { return std::ranges::count(last.events, "destroyed") == 30; }, "thirty children have ended");
}

TEST_P(Process, S101_ReapingInterruptsNobodyAndLeavesSigchldAlone) {
  struct sigaction before{};
  ::sigaction(SIGCHLD, nullptr, &before);
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  ssize_t came = 0;
  std::thread reading([&] {
    char byte = 0;
    came = ::read(ends[0], &byte, 1);
  });
  spawn(sh("exit 0"));
  until_ended();
  struct sigaction after{};
  ::sigaction(SIGCHLD, nullptr, &after);
  EXPECT_EQ(::write(ends[1], "x", 1), 1);
  reading.join();
  EXPECT_EQ(came, 1) << "the read was interrupted";
  EXPECT_EQ(after.sa_handler, before.sa_handler);
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST_P(Process, S101_AForeignChildIsLeftToWhoeverWaitsForIt) {
  const pid_t foreign = ::fork();
  if (foreign == 0) ::_exit(7);
  spawn(sh("exit 0"));
  until_ended();
  int status = 0;
  EXPECT_EQ(::waitpid(foreign, &status, 0), foreign);
  EXPECT_EQ(WEXITSTATUS(status), 7);
}

TEST_P(Process, S101_AStatusThatSomebodyElseTookIsSaidToBeUnknown) {
  spawn(sh("exit 5"));
  int status = 0;
  ASSERT_EQ(::waitpid(seen.running->pid(), &status, 0), seen.running->pid());
  until_ended();
  EXPECT_FALSE(seen.ended->known());
  EXPECT_FALSE(seen.ended->succeeded());
  EXPECT_THAT(seen.ended->to_string(), HasSubstr("somebody else in this program waited for it"));
}

TEST_P(Process, S102_TheChildHasExactlyTheWiredDescriptors) {
  const int leaking = ::fcntl(STDERR_FILENO, F_DUPFD, 200);  // stays open in a program that is executed carelessly
  ASSERT_GE(leaking, 200);
  EXPECT_EQ(printed_by(command("ls").args("/proc/self/fd")), "0\n1\n2\n3\n") << "3 is the directory itself";
  EXPECT_EQ(printed_by(command("ls").args("/proc/self/fd").descriptor(7, wire::inherited(leaking))), "0\n1\n2\n3\n7\n");
  EXPECT_EQ(printed_by(command("ls").args("/proc/self/fd").descriptor(2, wire::closed()).descriptor(5, wire::null())),
            "0\n1\n2\n5\n");
  ::close(leaking);
}

TEST_P(Process, S102_TheChildHasDefaultDispositionsAndNoSignalIsBlocked) {
  struct sigaction ignore{};
  ignore.sa_handler = SIG_IGN;
  struct sigaction pipe_before{};
  ::sigaction(SIGPIPE, &ignore, &pipe_before);
  sigset_t blocked;
  sigset_t mask_before;
  ::sigemptyset(&blocked);
  ::sigaddset(&blocked, SIGUSR1);
  ::pthread_sigmask(SIG_BLOCK, &blocked, &mask_before);
  const std::string signals = printed_by(command("cat").args("/proc/self/status"));
  ::pthread_sigmask(SIG_SETMASK, &mask_before, nullptr);
  ::sigaction(SIGPIPE, &pipe_before, nullptr);
  EXPECT_THAT(signals, HasSubstr("SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\nSigCgt:\t0000000000000000\n"));
}

TEST_P(Process, S102_DescriptorsMayChangePlaces) {
  std::array<int, 2> one{};
  std::array<int, 2> two{};
  ASSERT_EQ(::pipe2(one.data(), O_CLOEXEC | O_NONBLOCK), 0);
  ASSERT_EQ(::pipe2(two.data(), O_CLOEXEC | O_NONBLOCK), 0);
  const std::string script =
      "printf a >/proc/self/fd/" + std::to_string(one[1]) + "; printf b >/proc/self/fd/" + std::to_string(two[1]);
  printed_by(sh(script).descriptor(one[1], wire::inherited(two[1])).descriptor(two[1], wire::inherited(one[1])));
  char from_one = 0;
  char from_two = 0;
  EXPECT_EQ(::read(one[0], &from_one, 1), 1);
  EXPECT_EQ(::read(two[0], &from_two, 1), 1);
  EXPECT_EQ(from_one, 'b');
  EXPECT_EQ(from_two, 'a');
  for (const int fd : {one[0], one[1], two[0], two[1]}) ::close(fd);
}

TEST_P(Process, S103_AllOutputIsDeliveredBeforeTheEnd) {
  std::size_t at_the_end = 0;
  seen.react = [&](std::string_view event) {
    if (event == "ended") at_the_end = seen.output[1].size();
  };
  spawn(sh("head -c 1000000 /dev/zero"));
  until_ended();
  EXPECT_EQ(at_the_end, 1'000'000U);
}

TEST_P(Process, S103_APipeIsClosedFromOurSideIndependently) {
  spawn(sh("read line; echo still here >&2; read line"));
  seen.running->close(1);
  until([&] { return seen.has("output ended 1"); }, "the pipe is closed");
  seen.running->write(0, "go on\n");
  until([&] { return seen.output[2] == "still here\n"; }, "the other pipes work");
  EXPECT_FALSE(seen.exited);
  seen.running->close(0);
  until_ended();
}

TEST_P(Process, S104_SignallingAFinishedChildFails) {
  spawn(with_orphan());
  until([&] { return seen.exited.has_value(); }, "the child has exited");
  const auto sent = seen.running->signal(SIGTERM);
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().code(), std::errc::no_such_process);
  EXPECT_THAT(sent.error().what(), HasSubstr("it has exited already"));
  seen.running->close(3);
  until_ended();
}

TEST_P(Process, S104_SignallingFailsAlsoBeforeTheExitIsTold) {
  spawn(sh("exit 0"));
  siginfo_t how{};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(seen.running->pid()), &how, WEXITED | WNOWAIT), 0);
  EXPECT_FALSE(seen.running->signal(SIGTERM));
  EXPECT_FALSE(seen.exited) << "told from inside the call";
  until_ended();
  EXPECT_EQ(seen.ended->exit_code(), 0);
}

TEST_P(Process, S104_ASignalArrives) {
  spawn(sh("exec sleep 1000"));
  EXPECT_TRUE(seen.running->signal(SIGUSR1));
  until_ended();
  EXPECT_EQ(seen.ended->signal(), SIGUSR1);
}

TEST_P(Process, S105_ExceptionsAreLoggedAndTheRestIsTold) {
  seen.react = [](std::string_view event) {
    if (event == "started" || event == "exited" || event == "ended")
      throw std::runtime_error("in " + std::string(event));
  };
  spawn(sh("exit 0"));
  until_ended();
  EXPECT_TRUE(seen.exited);
  EXPECT_TRUE(seen.ended);
  EXPECT_THAT(logged_, SizeIs(3));
  EXPECT_THAT(logged_, Each(HasSubstr("an event of a process protocol threw")));
}

TEST_P(Process, S106_AProgramThatIsNotThereIsATypedErrorAtOnce) {
  const auto descriptors = open_descriptors();
  const auto made = command("no-such-program").spawn(loop(), std::make_unique<recorder>(seen));
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code(), std::errc::no_such_file_or_directory);
  EXPECT_EQ(step_of(made.error()), launch_step::execute);
  EXPECT_THAT(made.error().what(), HasSubstr("run \"no-such-program\": cannot execute it: No such file or directory"));
  EXPECT_THAT(seen.events, ElementsAre("destroyed"));
  EXPECT_EQ(open_descriptors(), descriptors);
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1) << "a dead child is left over";
}

TEST_P(Process, S106_EveryStepThatFailsIsNamed) {
  const auto failing = [&](const command& what) {
    auto made = what.spawn(loop(), std::make_unique<recorder>(seen));
    EXPECT_FALSE(made);
    return made ? error(errc::exception) : made.error();
  };
  const error nowhere = failing(command("ls").directory("/no/such/place"));
  EXPECT_EQ(step_of(nowhere), launch_step::change_directory);
  EXPECT_THAT(nowhere.what(), HasSubstr("cannot change to its directory \"/no/such/place\": No such file"));
  EXPECT_EQ(step_of(failing(command("ls").descriptor(5, wire::inherited(999)))), launch_step::arrange_descriptors);
  EXPECT_EQ(step_of(failing(command("/etc/passwd"))), launch_step::execute);
  EXPECT_EQ(failing(command("/etc/passwd")).code(), std::errc::permission_denied);
  EXPECT_EQ(step_of(failing(command("ls").limit(static_cast<resource>(99), 1))), launch_step::limit_resources);
  EXPECT_EQ(step_of(failing(command("ls").signal_on_parent_death(99))), launch_step::ask_for_death_signal);
  EXPECT_TRUE(failing(command("ls").descriptor(2, wire::same_as(9))).is(errc::bad_input));
  EXPECT_TRUE(failing(command("ls").args(std::string("a\0b", 3))).is(errc::bad_input));
  EXPECT_TRUE(failing(command("ls").environment("A=B", "c")).is(errc::bad_input));
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1) << "a dead child is left over";
}

TEST_P(Process, S106_AControlGroupThatCannotBeJoinedIsNamed) {
  const auto made = command("ls").cgroup("/no/such/group").spawn(loop(), std::make_unique<recorder>(seen));
  ASSERT_FALSE(made);
  EXPECT_EQ(step_of(made.error()), launch_step::join_cgroup);
  EXPECT_THAT(made.error().what(), HasSubstr("control group \"/no/such/group\": No such file"));
}

TEST_P(Process, S107_TheChildJoinsItsControlGroupBeforeItsProgramRuns) {
  std::string directory = (std::filesystem::temp_directory_path() / "whorl_XXXXXX").string();
  ASSERT_NE(::mkdtemp(directory.data()), nullptr);
  std::ofstream(directory + "/cgroup.procs") << "";
  EXPECT_EQ(printed_by(command("cat").args(directory + "/cgroup.procs").cgroup(directory)), "0");
  std::filesystem::remove_all(directory);
}

// Where control groups of version 2 are mounted; empty: nowhere.
std::string control_groups() {
  std::ifstream mounts("/proc/self/mounts");
  std::string device;
  std::string folder;
  std::string kind;
  std::string rest;
  while (mounts >> device >> folder >> kind && std::getline(mounts, rest)) {
    if (kind == "cgroup2") {
      return folder;
    }
  }
  return "";
}

TEST_P(Process, S107_TheKernelSaysThatTheChildIsInItsControlGroup) {
  const std::string name = "/whorl_" + std::to_string(::getpid());
  const std::string directory = control_groups() + name;
  if (control_groups().empty() || ::mkdir(directory.c_str(), 0755) != 0) {
    GTEST_SKIP() << "no control group can be made here";
  }
  EXPECT_THAT(printed_by(command("cat").args("/proc/self/cgroup").cgroup(directory)), HasSubstr("0::" + name + "\n"));
  EXPECT_EQ(::rmdir(directory.c_str()), 0);
}

TEST_P(Process, S107_SurroundingsApplyToTheChildOnly) {
  const std::string before = std::filesystem::current_path();
  const mode_t mask = ::umask(022);
  EXPECT_EQ(printed_by(sh("pwd; umask; ulimit -n").directory("/").file_mask(077).limit(resource::open_files, 17)),
            "/\n0077\n17\n");
  EXPECT_EQ(std::filesystem::current_path(), before);
  EXPECT_EQ(::umask(mask), 022U);
}

TEST_P(Process, S107_AUserComesWithItsGroupsAndLeavesOurs) {
  if (::getuid() != 0) GTEST_SKIP() << "only root may become somebody else";
  EXPECT_EQ(printed_by(sh("id -u; id -G").user(65534, 65533, {65532}).directory("/")), "65534\n65533 65532\n");
  EXPECT_EQ(::getuid(), 0U);
  EXPECT_EQ(::getgid(), 0U);
}

TEST_P(Process, S107_AGroupOrSessionOfItsOwnIsTheChilds) {
  const std::string script =
      "read pid name state parent group session rest </proc/self/stat; echo $pid $group $session";
  const auto numbers = [&](const command& what) {
    const std::string printed = printed_by(what);
    std::array<int, 3> all{};
    EXPECT_EQ(std::sscanf(printed.c_str(), "%d %d %d", all.data(), &all[1], &all[2]), 3) << printed;
    return all;
  };
  const auto ours = numbers(sh(script));
  EXPECT_EQ(ours[1], ::getpgrp());
  const auto grouped = numbers(sh(script).own_process_group());
  EXPECT_EQ(grouped[1], grouped[0]);
  EXPECT_EQ(grouped[2], ::getsid(0));
  const auto session = numbers(sh(script).new_session());
  EXPECT_EQ(session[2], session[0]);
}

TEST_P(Process, S108_TheEnvironmentIsInheritedUnlessEmpty) {
  ::setenv("WHORL_TEST_INHERITED", "yes", 1);
  EXPECT_EQ(printed_by(sh("echo $WHORL_TEST_INHERITED")), "yes\n");
  EXPECT_EQ(printed_by(sh("echo $WHORL_TEST_INHERITED $MORE").environment("MORE", "too")), "yes too\n");
  EXPECT_EQ(printed_by(sh("echo $WHORL_TEST_INHERITED").environment("WHORL_TEST_INHERITED", "no")), "no\n");
  EXPECT_EQ(printed_by(sh("echo ${WHORL_TEST_INHERITED-gone}").without_environment("WHORL_TEST_INHERITED")), "gone\n");
  EXPECT_EQ(printed_by(command("env").empty_environment()), "");
  EXPECT_EQ(printed_by(command("env").empty_environment().environment("ONLY", "this")), "ONLY=this\n");
  ::unsetenv("WHORL_TEST_INHERITED");
}

TEST_P(Process, S109_OutputGivesAllThree) {
  const auto got = result_of(sh("echo out; echo err >&2; exit 3").output(loop()));
  ASSERT_TRUE(got);
  EXPECT_EQ(got->out, "out\n");
  EXPECT_EQ(got->err, "err\n");
  EXPECT_EQ(got->status.exit_code(), 3);
}

TEST_P(Process, S109_ASignalFailsOutput) {
  const auto got = result_of(sh("echo last words >&2; kill -9 $$").output(loop()));
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().error().code(), failed::by_signal);
  EXPECT_STREQ(got.error().error().what(), "\"/bin/sh\" killed by signal 9 (Killed): last words");
}

TEST_P(Process, S109_ErrorOutputFailsCheckedOutputUnlessItIsJoined) {
  const command both = sh("echo out; echo err >&2");
  const auto refused = result_of(both.check_output(loop()));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().error().code(), failed::with_error_output);
  EXPECT_THAT(refused.error().error().what(), HasSubstr("err"));
  command joined = both;
  joined.join_error_output();
  const auto collected = result_of(joined.check_output(loop()));
  ASSERT_TRUE(collected);
  EXPECT_EQ(*collected, "out\nerr\n");
}

TEST_P(Process, S109_AnExitCodeFailsCheckedOutput) {
  const auto got = result_of(sh("exit 3").check_output(loop()));
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().error().code(), failed::with_exit_code);
  EXPECT_STREQ(got.error().error().what(), "\"/bin/sh\" exited with 3");
}

WHORL_ON_KERNEL_LOOPS(Process);

}  // namespace
}  // namespace whorl::process
