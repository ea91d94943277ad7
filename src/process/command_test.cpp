// Commands: input, limits, stopping, terminals, back-pressure.

#include <whorl/deferred/log.h>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <string>

#include "process/process_under_test.h"

namespace whorl::process {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;

constexpr std::size_t much = 1 << 20;

class Command : public process_test {
 protected:
  void TearDown() override {
    seen.react = nullptr;
    process_test::TearDown();
  }

  void spawn(const command& what) {
    auto made = what.spawn(loop(), std::make_unique<recorder>(seen));
    ASSERT_TRUE(made) << made.error().what();
  }
  void until_ended() {
    until([&] { return seen.has("destroyed"); }, "the child has ended");
  }
  void until_printed(const std::string& text) {
    until([&] { return seen.output[1].find(text) != std::string::npos; }, "the child has printed " + text);
  }

  record seen;
};

// Tells the test that the program is alive: its end is the end of what can be read.
class life_line {
 public:
  life_line() { EXPECT_EQ(::pipe2(ends_.data(), O_CLOEXEC), 0); }
  life_line(const life_line&) = delete;
  life_line& operator=(const life_line&) = delete;
  ~life_line() {
    ::close(ends_[0]);
    if (ends_[1] >= 0) ::close(ends_[1]);
  }

  wire childs_end() const { return wire::inherited(ends_[1]); }
  void let_go() { ::close(std::exchange(ends_[1], -1)); }
  bool cut() const {
    pollfd at{.fd = ends_[0], .events = POLLIN, .revents = 0};
    return ::poll(&at, 1, 0) == 1 && (at.revents & POLLHUP) != 0;
  }

 private:
  std::array<int, 2> ends_{};
};

TEST_P(Command, InputIsReadAndEnds) {
  const auto got = result_of(command("sort").input("b\na\n").output(loop()));
  ASSERT_TRUE(got) << got.error().error().what();
  EXPECT_EQ(got->out, "a\nb\n");
  EXPECT_TRUE(got->status.succeeded());
}

TEST_P(Command, WithoutInputThereIsNothingToRead) {
  EXPECT_EQ(result_of(command("cat").check_output(loop())).value(), "");
}

TEST_P(Command, MuchInputAndOutputFlowBothWays) {
  const std::string text(4 * much, 'x');
  const auto got = result_of(command("cat").input(text).output(loop()));
  ASSERT_TRUE(got);
  EXPECT_EQ(got->out, text);
}

TEST_P(Command, InputThatNobodyReadsHurtsNobody) {
  const auto got = result_of(sh("exec <&-; echo done").input(std::string(much, 'x')).output(loop()));
  ASSERT_TRUE(got) << got.error().error().what();
  EXPECT_EQ(got->out, "done\n");
}

TEST_P(Command, ATimeLimitStopsTheChild) {
  life_line alive;
  auto pending = sh("exec sleep 1000").descriptor(9, alive.childs_end()).time_limit(20ms).output(loop());
  alive.let_go();
  const auto got = result_of(std::move(pending));
  ASSERT_FALSE(got);
  EXPECT_TRUE(got.error().check(errc::timed_out));
  EXPECT_STREQ(got.error().error().what(), "\"/bin/sh\" was stopped: it ran longer than its time limit of 0.02 s");
  EXPECT_TRUE(alive.cut());
}

TEST_P(Command, ATimeLimitDoesNotWaitForOrphansThatHoldAPipe) {
  const auto got = result_of(sh("sleep 1000 & wait").own_process_group().time_limit(20ms).output(loop()));
  ASSERT_FALSE(got);
  EXPECT_TRUE(got.error().check(errc::timed_out));
}

TEST_P(Command, AStoppedChildThatIgnoresTermIsKilledAfterTheGrace) {
  spawn(sh("trap '' TERM; echo ready; exec sleep 1000"));
  until_printed("ready");
  seen.running->stop(30ms);
  until_ended();
  EXPECT_EQ(seen.ended->signal(), SIGKILL);
}

TEST_P(Command, AStoppedChildMayEndInOrder) {
  spawn(sh("trap 'echo bye; exit 0' TERM; echo ready; read line"));
  until_printed("ready");
  seen.running->stop(10s);
  until_ended();
  EXPECT_EQ(seen.ended->exit_code(), 0);
  EXPECT_EQ(seen.output[1], "ready\nbye\n");
}

TEST_P(Command, StoppingReachesTheWholeGroupIfTheChildHasItsOwn) {
  spawn(sh("sleep 1000 & echo ready; wait").own_process_group());
  until_printed("ready");
  seen.running->stop(10s);
  until_ended();
  EXPECT_EQ(seen.ended->signal(), SIGTERM);
}

TEST_P(Command, TheGroupCanBeSignalledOnlyIfItIsTheChilds) {
  spawn(sh("read line"));
  const auto sent = seen.running->signal_group(SIGTERM);
  ASSERT_FALSE(sent);
  EXPECT_TRUE(sent.error().is(errc::unsupported));
  seen.running->close(0);
  until_ended();
}

TEST_P(Command, TooMuchOutputStopsTheChild) {
  const auto got = result_of(command("yes").output_limit(1000).output(loop()));
  ASSERT_FALSE(got);
  EXPECT_TRUE(got.error().check(errc::too_large));
  EXPECT_STREQ(got.error().error().what(),
               "\"yes\" was stopped: it wrote more than its limit of 1000 bytes to descriptor 1");
}

TEST_P(Command, AsMuchOutputAsTheLimitIsNotTooMuch) {
  const auto got = result_of(sh("printf 1234").output_limit(4).output(loop()));
  ASSERT_TRUE(got);
  EXPECT_EQ(got->out, "1234");
}

TEST_P(Command, CancellingStopsTheChildAndWaitsForItsEnd) {
  life_line alive;
  auto pending = sh("exec sleep 1000").descriptor(9, alive.childs_end()).output(loop());
  alive.let_go();
  pending.cancel();
  EXPECT_FALSE(pending.ready()) << "it waits for the child's end";
  const auto got = result_of(std::move(pending));
  ASSERT_FALSE(got);
  EXPECT_TRUE(got.error().check(errc::cancelled));
  EXPECT_TRUE(alive.cut());
}

TEST_P(Command, CancellingAgainKills) {
  life_line alive;
  auto pending = sh("trap '' TERM; echo ready >&8; exec sleep 1000")
                     .descriptor(9, alive.childs_end())
                     .descriptor(8, alive.childs_end())
                     .grace(1h)
                     .output(loop());
  alive.let_go();
  pending.cancel();
  pending.cancel();
  const auto got = result_of(std::move(pending));
  ASSERT_FALSE(got);
  until([&] { return alive.cut(); }, "the child is dead");
}

TEST_P(Command, DroppingKills) {
  life_line alive;
  {
    const auto dropped = sh("trap '' TERM; exec sleep 1000").descriptor(9, alive.childs_end()).output(loop());
    alive.let_go();
  }
  until([&] { return alive.cut(); }, "the child is dead");
}

TEST_P(Command, TheLoopsEndKillsAndTellsTheProtocol) {
  spawn(sh("exec sleep 1000"));
  end_loop();
  EXPECT_TRUE(seen.has("destroyed"));
  EXPECT_EQ(seen.ended->signal(), SIGKILL);
  EXPECT_THAT(seen.events, AllOf(Contains("exited").Times(1), Contains("ended").Times(1)));
}

TEST_P(Command, WritingIsPausedWhileTheChildDoesNotReadAndResumedWhenItDoes) {
  spawn(sh("read line <&3; cat >/dev/null").descriptor(3, wire::to_child()));
  seen.running->write(0, std::string(much, 'x'));
  until([&] { return seen.has("paused 0"); }, "writing is paused");
  settle();
  EXPECT_GT(seen.running->unsent_bytes(0), child::high_water_bytes);
  EXPECT_FALSE(seen.has("resumed 0"));
  seen.running->write(3, "go\n");
  until([&] { return seen.has("resumed 0"); }, "writing is resumed");
  seen.running->close(0);
  until_ended();
  EXPECT_EQ(seen.ended->exit_code(), 0);
}

TEST_P(Command, ClosingSendsWhatIsQueuedFirst) {
  spawn(command("wc").args("-c"));
  seen.running->write(0, std::string(much, 'x'));
  seen.running->close(0);
  seen.running->write(0, "dropped");
  until_ended();
  EXPECT_EQ(seen.output[1], std::to_string(much) + "\n");
}

TEST_P(Command, NothingComesWhileProducingIsPaused) {
  spawn(sh("echo first; read line; echo second; read line"));
  until_printed("first");
  seen.running->pause_producing(1);
  seen.running->write(0, "go on\n");
  settle();
  EXPECT_EQ(seen.output[1], "first\n");
  seen.running->resume_producing(1);
  until_printed("second");
  seen.running->close(0);
  until_ended();
}

TEST_P(Command, AReaderThatIsGoneIsNoticedWithoutWriting) {
  spawn(sh("exec <&-; read line <&3").descriptor(3, wire::to_child()));
  until([&] { return seen.has("input ended 0"); }, "the child has closed its standard input");
  EXPECT_FALSE(seen.exited);
  seen.running->close(3);
  until_ended();
}

TEST_P(Command, ADescriptorWithoutAPipeIsMisuse) {
  spawn(sh("read line"));
  EXPECT_THROW(seen.running->write(1, "x"), misuse);
  EXPECT_THROW(seen.running->pause_producing(0), misuse);
  EXPECT_THROW(seen.running->close(7), misuse);
  seen.running->close(0);
  until_ended();
}

TEST_P(Command, MoreDescriptorsAreReadAndWritten) {
  spawn(sh("read line <&3; echo \"got $line\" >&4").descriptor(3, wire::to_child()).descriptor(4, wire::from_child()));
  seen.running->write(3, "this\n");
  until_ended();
  EXPECT_EQ(seen.output[4], "got this\n");
}

TEST_P(Command, ATerminalIsOneAndTheControllingOne) {
  spawn(
      sh("test -t 0 && test -t 1 && test -t 2 && stty size && echo controlling >/dev/tty; read line; echo \"<$line>\"")
          .terminal({.rows = 50, .columns = 132}));
  until_printed("controlling\r\n");
  EXPECT_THAT(seen.output[1], HasSubstr("50 132\r\n"));
  seen.running->write(0, "typed\n");
  until_ended();
  EXPECT_THAT(seen.output[1], HasSubstr("<typed>\r\n"));
  EXPECT_THAT(seen.events, AllOf(Contains("output ended 1"), Contains("input ended 0"), Contains("ended")));
}

TEST_P(Command, ATerminalThatIsResizedTellsTheChild) {
  spawn(sh("trap 'stty size; exit' WINCH; echo ready; while :; do read line; done").terminal());
  until_printed("ready");
  EXPECT_TRUE(seen.running->resize_terminal({.rows = 7, .columns = 99}));
  until_printed("7 99\r\n");
  until_ended();
}

TEST_P(Command, WhatHasNoTerminalCannotResizeIt) {
  spawn(sh("read line"));
  const auto resized = seen.running->resize_terminal({.rows = 7, .columns = 99});
  ASSERT_FALSE(resized);
  EXPECT_TRUE(resized.error().is(errc::unsupported));
  seen.running->close(0);
  until_ended();
}

TEST_P(Command, ATerminalsInterruptReachesTheChild) {
  spawn(sh("echo ready; exec sleep 1000").terminal());
  until_printed("ready");
  seen.running->write(0, "\x03");
  until_ended();
  EXPECT_EQ(seen.ended->signal(), SIGINT);
}

TEST_P(Command, NoDescriptorIsLeftOver) {
  result_of(sh("exit 0").output(loop()));
  const auto before = open_descriptors();
  for (int i = 0; i < 5; ++i) {
    result_of(sh("echo x").input("y").output(loop()));
    seen = {};
    spawn(sh("exit 0").terminal());
    until_ended();
  }
  settle();
  EXPECT_EQ(open_descriptors(), before);
}

WHORL_ON_KERNEL_LOOPS(Command);

TEST(CommandWithoutKernel, TheMemoryBackEndHasNoChildren) {
  reactor loop(make_memory_backend(make_memory_network(1)));
  record seen;
  const auto made = command("ls").spawn(loop, std::make_unique<recorder>(seen));
  ASSERT_FALSE(made);
  EXPECT_TRUE(made.error().is(errc::unsupported));
  EXPECT_TRUE(command("ls").output(loop).take().error().check(errc::unsupported));
}

}  // namespace
}  // namespace whorl::process
