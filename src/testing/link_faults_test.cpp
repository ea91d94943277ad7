// What links do to bytes, fault by fault.

#include <whorl/net/endpoint.h>
#include <whorl/testing/checks.h>
#include <whorl/testing/matchers.h>

#include <gmock/gmock.h>

#include <optional>
#include <string>
#include <vector>

namespace whorl::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

// A server that keeps the streams of its clients.
class LinkFaults : public ::testing::Test {
 protected:
  explicit LinkFaults(std::uint64_t seed = 1) : world(seed) {
    accepting.emplace(world.run(listen_streams(server.loop(), "tcp:9", [this](stream peer) {
      accepted.push_back(std::move(peer));
      return succeed();
    })));
    world.set_faults({});
  }
  ~LinkFaults() override {
    accepted.clear();
    accepting.reset();
  }

  stream join() {
    const std::size_t before = accepted.size();
    stream end = world.run(connect(client.loop(), server.endpoint(9)));
    world.run_until([&] { return accepted.size() > before; }, "the server has accepted");
    return end;
  }
  stream& peer() { return accepted.back(); }

  simulation world;
  host& server = world.add_host("server");
  host& client = world.add_host("client");
  std::vector<stream> accepted;
  std::optional<port> accepting;
};

TEST_F(LinkFaults, APerfectLinkTakesNoTime) {
  auto end = join();
  auto writing = end.write("x");
  EXPECT_EQ(world.run(peer().read()), "x");
  EXPECT_EQ(world.now().time_since_epoch(), 0s);
}

TEST_F(LinkFaults, ALinkMayBeSlowInOneDirection) {
  world.set_faults(client, server, {.least_delay = 1s, .most_delay = 2s});
  auto end = join();
  auto to = end.write("to");
  const time_point sent = world.now();
  EXPECT_EQ(world.run(peer().read_exactly(2)), "to");
  const time_point answered = world.now();
  EXPECT_GE(answered - sent, 1s);
  EXPECT_LE(answered - sent, 2s);
  auto fro = peer().write("fro");
  EXPECT_EQ(world.run(end.read_exactly(3)), "fro");
  EXPECT_EQ(world.now(), answered);
}

TEST_F(LinkFaults, BytesOfOneConnectionNeverOvertakeEachOther) {
  world.set_faults({.most_delay = 1s, .largest_piece = 3});
  auto end = join();
  std::string text;
  for (char letter = 'a'; letter <= 'z'; ++letter) {
    text += letter;
  }
  auto writing = end.write(text);
  EXPECT_EQ(world.run(peer().read_exactly(26)), text);
}

TEST_F(LinkFaults, PiecesAreAsLargeAsTheySay) {
  world.set_faults({.split_chance = 0, .largest_piece = 1});
  auto end = join();
  auto writing = end.write("abc");
  EXPECT_EQ(world.run(peer().read()), "a");
  world.set_faults({.split_chance = 0});
  auto more = end.write(std::string(50000, 'x'));
  world.settle();
  EXPECT_EQ(world.run(peer().read()).size(), 50002U);
}

TEST_F(LinkFaults, ASmallWindowHoldsTheWriterUp) {
  world.set_faults({.window_bytes = 10});
  auto end = join();
  auto writing = end.write(std::string(1 << 20, 'x'));
  world.run_for(1h);
  EXPECT_THAT(writing, is_pending());
  std::size_t received = 0;
  while (received < (1U << 20)) {
    received += world.run(peer().read()).size();
  }
  EXPECT_THAT(writing, fires());
}

TEST_F(LinkFaults, AConnectionIsResetAtAByte) {
  world.set_faults(client, server, {.reset_at_byte = 5});
  auto end = join();
  auto writing = end.write("hello world");
  EXPECT_EQ(world.run(peer().read_exactly(5)), "hello");
  auto next = peer().read();
  world.run_until(next);
  EXPECT_THAT(next, fails_with(errc::connection_lost, HasSubstr("reset")));
  auto reading = end.read();
  world.run_until(reading);
  EXPECT_THAT(reading, fails_with(errc::connection_lost));
}

TEST_F(LinkFaults, OneSideEndsAtAByteAndTheOtherGoesOn) {
  world.set_faults(client, server, {.end_at_byte = 5});
  auto end = join();
  auto writing = end.write("hello world");
  EXPECT_EQ(world.run(peer().read_exactly(5)), "hello");
  EXPECT_EQ(world.run(peer().read()), "");
  auto back = peer().write("and you?");
  EXPECT_EQ(world.run(end.read_exactly(8)), "and you?");
}

TEST_F(LinkFaults, ConnectionsAreRefusedAndResetByChance) {
  world.set_faults({.refuse_chance = 0.5, .reset_chance = 0.5});
  int refused = 0;
  int reset = 0;
  for (int attempt = 0; attempt < 100; ++attempt) {
    auto connecting = connect(client.loop(), server.endpoint(9));
    world.run_until(connecting);
    auto made = std::move(connecting).take();
    if (!made) {
      EXPECT_TRUE(made.error().error().code() == std::error_code(ECONNREFUSED, std::system_category()));
      ++refused;
      continue;
    }
    auto writing = made->write("x");
    auto reading = made->read();
    world.settle();
    if (reading.ready()) {
      EXPECT_THAT(reading, fails_with(errc::connection_lost));
      ++reset;
    }
  }
  EXPECT_GT(refused, 25);
  EXPECT_LT(refused, 75);
  EXPECT_GT(reset, 10);
  EXPECT_LT(reset, 50);
}

TEST_F(LinkFaults, PiecesStallByChance) {
  world.set_faults({.stall_chance = 1, .longest_stall = 1h});
  auto end = join();
  auto writing = end.write("x");
  world.run_for(1s);
  auto reading = peer().read();
  EXPECT_THAT(reading, is_pending());
  world.run_until(reading);
  EXPECT_LE(world.now().time_since_epoch(), 1h + 1s);
}

TEST_F(LinkFaults, AHookShapesOneConnectionAndNoOther) {
  world.on_connection([](new_connection& made) {
    EXPECT_EQ(made.from, "client");
    EXPECT_EQ(made.to, "server");
    if (made.number == 1) {
      made.there.reset_at_byte = 0;
    }
  });
  auto first = join();
  auto second = join();
  auto lost = first.write("x");
  auto arrives = second.write("y");
  auto reading = first.read();
  world.run_until(reading);
  EXPECT_THAT(reading, fails_with(errc::connection_lost));
  EXPECT_EQ(world.run(peer().read()), "y");
}

}  // namespace
}  // namespace whorl::testing
