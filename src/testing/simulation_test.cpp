#include <whorl/net/endpoint.h>
#include <whorl/testing/checks.h>
#include <whorl/testing/matchers.h>

#include <gmock/gmock.h>

#include <string>
#include <utility>

namespace whorl::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

// Echoes lines until its peer has enough of it.
deferred<void> echo_lines(stream peer) {
  for (;;) {
    auto line = co_await peer.read_until("\n");
    co_await peer.write(line);
  }
}

deferred<void> serve_echo(host& here) {
  auto port = co_await listen_streams(here.loop(), "tcp:7", echo_lines);
  promise<void> for_ever;
  co_await for_ever.get_deferred();
}

deferred<std::string> ask(host* from, std::string endpoint, std::string line) {
  auto peer = co_await connect(from->loop(), endpoint);
  co_await peer.write(line);
  auto reply = co_await peer.read_exactly(line.size());
  co_return reply;
}

struct two_hosts {
  explicit two_hosts(std::uint64_t seed) : world(seed) {
    server.run(serve_echo);
    world.settle();
  }
  simulation world;
  host& server = world.add_host("server");
  host& client = world.add_host("client");
};

TEST(Simulation, HostsTalkAndTimePassesOnTheWay) {
  two_hosts on(1);
  on.world.set_faults({.least_delay = 5ms, .most_delay = 5ms});
  EXPECT_EQ(on.world.run(ask(&on.client, on.server.endpoint(7), "hello\n")), "hello\n");
  EXPECT_EQ(on.server.endpoint(7), "tcp:10.0.0.1:7");
  // There and back to connect, and to ask; pieces that were cut travel together.
  EXPECT_EQ(on.world.now().time_since_epoch(), 20ms);
}

TEST(Simulation, EachHostHasItsOwnPortsAndItsOwnLoopback) {
  two_hosts on(2);
  auto refused = ask(&on.client, "tcp:127.0.0.1:7", "x\n");
  on.world.run_until(refused);
  EXPECT_THAT(refused, fails_with(std::error_code(ECONNREFUSED, std::system_category())));
  on.client.run(serve_echo);
  on.world.settle();
  EXPECT_EQ(on.world.run(ask(&on.client, "tcp:127.0.0.1:7", "x\n")), "x\n");
  auto nobody = ask(&on.client, "tcp:10.9.9.9:7", "x\n");
  on.world.run_until(nobody);
  EXPECT_THAT(nobody, fails_with(std::error_code(EHOSTUNREACH, std::system_category())));
}

std::string trace_of(std::uint64_t seed) {
  two_hosts on(seed);
  host& other = on.world.add_host("other");
  auto first = ask(&on.client, on.server.endpoint(7), std::string(500, 'a') + "\n");
  auto second = ask(&other, on.server.endpoint(7), std::string(500, 'b') + "\n");
  on.world.run_until(first);
  on.world.run_until(second);
  return on.world.trace();
}

TEST(Simulation, TheSameSeedGivesTheSameRunByteForByte) {
  EXPECT_EQ(trace_of(1), trace_of(1));
  EXPECT_EQ(trace_of(77), trace_of(77));
  EXPECT_NE(trace_of(1), trace_of(2));
  EXPECT_THAT(trace_of(1), HasSubstr("server     received"));
}

TEST(Simulation, AnotherSeedGivesAnotherOrder) {
  int first_won = 0;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    two_hosts on(seed);
    auto first = ask(&on.client, on.server.endpoint(7), "a\n");
    auto second = ask(&on.client, on.server.endpoint(7), "b\n");
    on.world.run_until([&] { return first.ready() || second.ready(); }, "one of them wins");
    first_won += first.ready() ? 1 : 0;
  }
  EXPECT_GT(first_won, 5);
  EXPECT_LT(first_won, 35);
}

TEST(Simulation, ACrashedHostResetsItsPeers) {
  two_hosts on(3);
  auto reading = ask(&on.client, on.server.endpoint(7), "never the end");
  on.world.run_for(1s);
  EXPECT_THAT(reading, is_pending());
  on.server.crash();
  EXPECT_FALSE(on.server.up());
  EXPECT_THROW(on.server.loop(), misuse);
  on.world.run_until(reading);
  EXPECT_THAT(reading, fails_with(errc::connection_lost));
  auto refused = ask(&on.client, on.server.endpoint(7), "x\n");
  on.world.run_until(refused);
  EXPECT_THAT(refused, fails_with(std::error_code(ECONNREFUSED, std::system_category())));
}

TEST(Simulation, ARestartedHostRunsItsProgramAgain) {
  two_hosts on(4);
  on.server.crash();
  on.server.restart();
  on.world.settle();
  EXPECT_EQ(on.world.run(ask(&on.client, on.server.endpoint(7), "again\n")), "again\n");
}

deferred<void> restart_at_a_word(host* here, stream peer) {
  co_await peer.read();
  here->restart();
  EXPECT_TRUE(here->up());
  co_await peer.read();
  ADD_FAILURE() << "it lived on";
}

deferred<void> serve_restarts(host* here, int* starts) {
  ++*starts;
  auto listening =
      listen_streams(here->loop(), "tcp:7", [here](stream peer) { return restart_at_a_word(here, std::move(peer)); });
  auto port = co_await std::move(listening);
  promise<void> for_ever;
  co_await for_ever.get_deferred();
}

TEST(Simulation, AHostMayRestartInItsOwnTurn) {
  simulation world(5);
  host& server = world.add_host("server");
  host& client = world.add_host("client");
  int starts = 0;
  server.run([&starts](host& here) { return serve_restarts(&here, &starts); });
  world.settle();
  for (int times = 0; times < 3; ++times) {
    auto lost = ask(&client, server.endpoint(7), "die\n");
    world.run_until(lost);
    EXPECT_THAT(lost, fails_with(errc::connection_lost));
  }
  world.settle();
  EXPECT_EQ(starts, 4);
}

TEST(Simulation, WhatACrashBringsAboutOnItsHostIsNotHeardOf) {
  const no_unhandled_failures watch;
  two_hosts on(15);
  ask(&on.client, on.server.endpoint(7), "no end").detach();
  on.world.run_for(1s);
  on.client.crash();
}

TEST(Simulation, WithoutPowerAHostFallsSilentAndForgetsItsConnections) {
  two_hosts on(6);
  on.world.set_faults({});
  auto peer = on.world.run(connect(on.client.loop(), on.server.endpoint(7)));
  on.server.crash(peers_see::silence);
  auto reading = peer.read();
  auto writing = peer.write("anybody there?\n");
  on.world.run_for(10min);
  EXPECT_THAT(reading, is_pending());
  on.server.restart();
  on.world.run_until(reading);
  EXPECT_THAT(reading, fails_with(errc::connection_lost, HasSubstr("reset")));
}

TEST(Simulation, WritingIntoSilenceTimesOutAsTheKernelDoes) {
  two_hosts on(7);
  auto peer = on.world.run(connect(on.client.loop(), on.server.endpoint(7)));
  on.server.crash(peers_see::silence);
  auto reading = peer.read();
  auto writing = peer.write("anybody there?\n");
  on.world.run_until(reading);
  EXPECT_THAT(reading, fails_with(errc::connection_lost, HasSubstr("timed out")));
  EXPECT_GT(on.world.now().time_since_epoch(), 15min);

  auto connecting = connect(on.client.loop(), on.server.endpoint(7));
  on.world.run_until(connecting);
  EXPECT_THAT(connecting, fails_with(std::error_code(ETIMEDOUT, std::system_category())));
}

TEST(Simulation, PartedHostsHearNothingUntilTheLinkIsHealed) {
  two_hosts on(8);
  auto peer = on.world.run(connect(on.client.loop(), on.server.endpoint(7)));
  on.world.part(on.client, on.server);
  auto writing = peer.write("through\n");
  auto reading = peer.read_until("\n");
  auto connecting = ask(&on.client, on.server.endpoint(7), "too\n");
  on.world.run_for(1min);
  EXPECT_THAT(reading, is_pending());
  EXPECT_THAT(connecting, is_pending());
  on.world.heal();
  EXPECT_EQ(on.world.run(std::move(reading)), "through\n");
  EXPECT_EQ(on.world.run(std::move(connecting)), "too\n");
}

TEST(Simulation, ActionsHappenInTime) {
  two_hosts on(9);
  on.world.after(10s, [&] { on.server.crash(); });
  auto reading = ask(&on.client, on.server.endpoint(7), "no end");
  on.world.run_until(reading);
  EXPECT_THAT(reading, fails_with(errc::connection_lost));
  EXPECT_GE(on.world.now().time_since_epoch(), 10s);
  EXPECT_LT(on.world.now().time_since_epoch(), 11s);
}

deferred<void> fail_soon(host& here) {
  co_await here.loop().sleep(1s);
  throw error(errc::bad_input, "no such table");
}

TEST(Simulation, AProgramThatFailsFailsTheRun) {
  simulation world(10);
  world.add_host("database").run(fail_soon);
  try {
    world.run_for(2s);
    ADD_FAILURE() << "it went on";
  } catch (const run_failed& why) {
    EXPECT_THAT(why.what(), HasSubstr("seed 10 fails at 1000.000000 ms: the program of host database failed"));
    EXPECT_THAT(why.what(), HasSubstr("no such table"));
  }
}

TEST(Simulation, ADeadlockIsToldWithWhatEverybodyWaitsFor) {
  two_hosts on(11);
  auto reading = ask(&on.client, on.server.endpoint(7), "no end of line");
  try {
    on.world.run_until(reading);
    ADD_FAILURE() << "it went on";
  } catch (const run_failed& why) {
    EXPECT_THAT(why.what(), HasSubstr("deadlock"));
    EXPECT_THAT(why.what(), HasSubstr("echo_lines"));
  }
}

deferred<void> tick(host& here) {
  for (;;) {
    co_await here.loop().sleep(1s);
  }
}

TEST(Simulation, WhatDoesNotHappenInTimeFailsTheRun) {
  simulation world(12);
  world.add_host("clock").run(tick);
  world.set_patience(1min);
  EXPECT_THROW(world.run_until([] { return false; }, "pigs fly"), run_failed);
  EXPECT_EQ(world.now().time_since_epoch(), 1min);
}

deferred<void> spin(host& here) {
  for (;;) {
    co_await here.loop().sleep(0s);
  }
}

TEST(Simulation, ALoopThatIsBusyWithNothingFailsTheRun) {
  simulation world(13);
  world.add_host("spinner").run(spin);
  EXPECT_THROW(world.run_for(1s), run_failed);
}

TEST(Simulation, CallsToAnotherHostsLoopAreSeen) {
  simulation world(14);
  host& one = world.add_host("one");
  host& other = world.add_host("other");
  bool called = false;
  one.loop().call_later(1s, [&] { other.loop().call_from_thread([&] { called = true; }); }).detach();
  world.run_for(1s);
  EXPECT_TRUE(called);
}

}  // namespace
}  // namespace whorl::testing
