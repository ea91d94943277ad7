// What only the memory back end does: a virtual clock, a choice from a seed. The conformance suite has the rest.

#include <gtest/gtest.h>
#include <whorl/reactor/reactor.h>
#include <whorl/reactor/within.h>

#include <string>
#include <thread>
#include <vector>

#include "reactor/backend_suite.h"

namespace whorl {
namespace {

using namespace std::chrono_literals;

const address somewhere = address::tcp("10.0.0.1", 80).value();

deferred<void> note_after(reactor& loop, duration delay, std::string* trace, std::string what) {
  co_await loop.sleep(delay);
  *trace += what;
}

TEST(Memory, TheClockJumpsToTheNextDueTime) {
  reactor loop(make_memory_backend(make_memory_network(1)));
  const auto began = std::chrono::steady_clock::now();
  const time_point virtual_began = loop.now();
  auto century = loop.sleep(24h * 365 * 100).add_callback([&] { loop.stop(); });
  loop.run();
  EXPECT_EQ(loop.now() - virtual_began, 24h * 365 * 100);
  EXPECT_LT(std::chrono::steady_clock::now() - began, 10s);
}

TEST(Memory, TwoLoopsTurnedInTurnKeepTheirCommonTime) {
  const auto network = make_memory_network(2);
  reactor first(make_memory_backend(network));
  reactor second(make_memory_backend(network));
  std::string trace;
  first.turn(first.now());
  second.turn(second.now());
  auto a = note_after(first, 10ms, &trace, "a");
  auto b = note_after(second, 5ms, &trace, "b");
  auto c = note_after(first, 7ms, &trace, "c");
  auto d = note_after(second, 20ms, &trace, "d");
  for (int turn = 0; turn < 20 && trace.size() < 4; ++turn) {
    first.turn(std::nullopt);
    second.turn(std::nullopt);
  }
  EXPECT_EQ(trace, "bcad");
  EXPECT_EQ(first.now().time_since_epoch(), 20ms);
}

TEST(Memory, ALoopIsOfThisThreadWhileItTurns) {
  const auto network = make_memory_network(3);
  reactor first(make_memory_backend(network));
  reactor second(make_memory_backend(network));
  EXPECT_EQ(&reactor::of_this_thread("test"), &second);
  reactor* seen = nullptr;
  first.call_from_thread([&] { seen = &reactor::of_this_thread("test"); });
  first.turn(first.now());
  EXPECT_EQ(seen, &first);
}

TEST(Memory, StreamsConnectFromLoopToLoop) {
  const auto network = make_memory_network(4);
  const auto server = make_memory_backend(network);
  const auto client = make_memory_backend(network);
  accepting accepts;
  const auto port = std::move(server->listen(somewhere, {}, accepts).value());
  connecting attempt;
  const auto trying = client->connect(somewhere, attempt);
  for (int turn = 0; turn < 100 && (accepts.ends.empty() || attempt.end == nullptr); ++turn) {
    server->turn(time_point());
    client->turn(time_point());
  }
  ASSERT_TRUE(attempt.end);
  ASSERT_EQ(accepts.ends.size(), 1U);
  accepts.ends[0]->stream->start_receiving();
  attempt.end->write("across");
  for (int turn = 0; turn < 100 && accepts.ends[0]->received != "across"; ++turn) {
    client->turn(time_point());
    server->turn(time_point());
  }
  EXPECT_EQ(accepts.ends[0]->received, "across");
  EXPECT_EQ(accepts.ends[0]->stream->peer_address(), attempt.end->stream->local_address());
}

// What three clients' bytes look like to a server, event by event.
std::string trace_of(std::uint64_t seed) {
  const auto io = make_memory_backend(make_memory_network(seed));
  accepting accepts;
  const auto port = std::move(io->listen(somewhere, {}, accepts).value());
  std::string trace;
  accepts.on_accepted = [&](stream_end& end) {
    end.on_bytes = [&trace, &end](bytes_view bytes) {
      trace += text_of(bytes.first(1)) + std::to_string(bytes.size()) + " ";
      static_cast<void>(end);
    };
    end.stream->start_receiving();
  };
  std::vector<connecting> attempts(3);
  std::vector<std::unique_ptr<connector>> trying;
  for (auto& attempt : attempts) {
    trying.push_back(io->connect(somewhere, attempt));
  }
  std::size_t written = 0;
  for (int turn = 0; turn < 3000; ++turn) {
    io->turn(time_point());
    while (written < attempts.size() && attempts[written].end) {
      attempts[written].end->write(std::string(5000, static_cast<char>('a' + written)));
      ++written;
    }
  }
  return trace;
}

TEST(Memory, TheSameSeedGivesTheSameEventsAndAnotherSeedGivesOthers) {
  EXPECT_EQ(trace_of(1), trace_of(1));
  EXPECT_NE(trace_of(1), trace_of(2));
  EXPECT_NE(trace_of(1).find('b'), std::string::npos);
}

TEST(Memory, AWildcardListenerTakesEveryAddressWithItsPort) {
  turning_backend on(kind::memory);
  accepting accepts;
  const auto port = std::move(on.io().listen(address::tcp("*", 443).value(), {}, accepts).value());
  connecting attempt;
  const auto trying = on.io().connect(address::tcp("192.0.2.7", 443).value(), attempt);
  ASSERT_TRUE(on.turn_until([&] { return attempt.over() && !accepts.ends.empty(); }));
  EXPECT_EQ(attempt.failed, 0);
  EXPECT_FALSE(on.io().listen(address::tcp("192.0.2.7", 443).value(), {}, accepts));
}

TEST(Memory, ClosingWithBytesUnreadResetsTheConnection) {
  turning_backend on(kind::memory);
  accepting accepts;
  const auto port = std::move(on.io().listen(somewhere, {}, accepts).value());
  connecting attempt;
  const auto trying = on.io().connect(somewhere, attempt);
  ASSERT_TRUE(on.turn_until([&] { return attempt.over() && !accepts.ends.empty(); }));
  attempt.end->stream->start_receiving();
  attempt.end->write("never read");
  ASSERT_TRUE(on.turn_until([&] { return attempt.end->stream->unsent_bytes() == 0; }));
  accepts.ends.clear();
  ASSERT_TRUE(on.turn_until([&] { return attempt.end->ended.has_value(); }));
  EXPECT_EQ(attempt.end->ended, ECONNRESET);
}

TEST(Memory, AnotherThreadCanWakeALoopThatHasNothingToDo) {
  reactor loop(make_memory_backend(make_memory_network(5)));
  std::thread other([&] { loop.stop_from_thread(); });
  loop.run();
  other.join();
}

TEST(Memory, DescriptorsAreNotItsBusiness) {
  reactor loop(make_memory_backend(make_memory_network(6)));
  auto waiting = loop.readable(0);
  ASSERT_TRUE(waiting.ready());
  EXPECT_TRUE(std::move(waiting).take().error().check(errc::unsupported));
}

}  // namespace
}  // namespace whorl
