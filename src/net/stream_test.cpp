// Streams: what transports do, pulled, on every back end.

#include "net/conformance.h"

#include <whorl/deferred/log.h>
#include <whorl/net/stream.h>

namespace whorl {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::size_t much = 1 << 20;

deferred<void> echo(stream s) {
  while (true) {
    auto bytes = co_await s.read();
    if (bytes.empty()) co_return;
    co_await s.write(std::move(bytes));
  }
}

class StreamConformance : public loop_test {
 protected:
  void SetUp() override {
    silenced_ = set_log_sink([this](log_level, std::string_view line) { logged_.emplace_back(line); });
    loop_test::SetUp();
  }

  void TearDown() override {
    peer.react = nullptr;
    mine_.reset();
    port_.reset();
    loop_test::TearDown();
    set_log_sink(std::move(silenced_));
  }

  std::string where() const { return port_->local_address().to_string(); }

  void serve(stream_server with) { port_.emplace(*listen_streams(loop(), "tcp:127.0.0.1:0", std::move(with)).take()); }

  stream dial() { return std::move(result_of(connect(loop(), where())).value()); }

  // A stream here, and a protocol there that writes down what arrives.
  void connect_to_recorder(half_open when_stream_ends = half_open::ends) {
    auto build = [=, this](const address&) { return std::make_unique<recorder>(peer, when_stream_ends); };
    port_.emplace(*listen(loop(), "tcp:127.0.0.1:0", build).take());
    mine_.emplace(dial());
    until([&] { return peer.has("made"); }, "the peer has the connection");
  }

  stream& mine() { return *mine_; }

  record peer;
  std::optional<port> port_;
  std::optional<stream> mine_;
  std::vector<std::string> logged_;

 private:
  log_sink silenced_;
};

TEST_P(StreamConformance, ReadGivesWhatThereIsUpToTheMost) {
  connect_to_recorder();
  peer.connection->write("hello");
  settle();
  EXPECT_EQ(*result_of(mine().read()), "hello");
  peer.connection->write("abcdef");
  settle();
  EXPECT_EQ(*result_of(mine().read(4)), "abcd");
  auto rest = mine().read(4);
  EXPECT_TRUE(rest.ready()) << "what is here already needs no wait";
  EXPECT_EQ(*std::move(rest).take(), "ef");
}

TEST_P(StreamConformance, TheEndIsAnEmptyStringAgainAndAgain) {
  connect_to_recorder();
  peer.connection->write("bye");
  peer.connection->lose_connection();
  EXPECT_EQ(*result_of(mine().read_exactly(3)), "bye");
  EXPECT_EQ(*result_of(mine().read()), "");
  EXPECT_EQ(*result_of(mine().read()), "");
}

TEST_P(StreamConformance, ReadExactlyWaitsForAllOfThem) {
  connect_to_recorder();
  auto eight = mine().read_exactly(8);
  peer.connection->write("1234567");
  settle();
  EXPECT_FALSE(eight.ready());
  peer.connection->write("89");
  EXPECT_EQ(*result_of(std::move(eight)), "12345678");
  EXPECT_EQ(*result_of(mine().read_exactly(0)), "");
  EXPECT_EQ(*result_of(mine().read_exactly(1)), "9");
}

TEST_P(StreamConformance, ReadExactlyMayBeMoreThanABuffersWorth) {
  connect_to_recorder();
  peer.connection->write(std::string(much, 'x') + "y");
  settle();
  EXPECT_EQ(result_of(mine().read_exactly(much))->size(), much);
  EXPECT_EQ(*result_of(mine().read()), "y");
}

TEST_P(StreamConformance, ReadExactlyFailsAtTheEndAndLosesNothing) {
  connect_to_recorder();
  peer.connection->write("1234");
  peer.connection->lose_connection();
  auto eight = result_of(mine().read_exactly(8));
  ASSERT_FALSE(eight);
  EXPECT_TRUE(eight.error().check(errc::connection_done));
  EXPECT_THAT(eight.error().error().what(), HasSubstr("8 bytes were asked for when the peer ended its side after 4"));
  EXPECT_EQ(*result_of(mine().read()), "1234");
}

TEST_P(StreamConformance, ReadUntilFindsADelimiterInAnyChunking) {
  connect_to_recorder();
  auto line = mine().read_until("\r\n");
  for (const char c : std::string_view("a\rb\nc\r\r\nrest\r\n")) {
    peer.connection->write(std::string_view(&c, 1));
    settle();
  }
  EXPECT_EQ(*result_of(std::move(line)), "a\rb\nc\r\r\n");
  EXPECT_EQ(*result_of(mine().read_until("\r\n")), "rest\r\n");
}

TEST_P(StreamConformance, ReadUntilFailsWhenTheDelimiterIsTooFar) {
  connect_to_recorder();
  peer.connection->write("0123456789\n");
  auto exact = result_of(mine().read_until("\n", 11));
  ASSERT_TRUE(exact) << "the delimiter itself counts";
  peer.connection->write("0123456789\n");
  auto line = result_of(mine().read_until("\n", 10));
  ASSERT_FALSE(line);
  EXPECT_TRUE(line.error().check(errc::too_large));
  EXPECT_EQ(*result_of(mine().read_exactly(11)), "0123456789\n") << "the bytes are still there";
}

TEST_P(StreamConformance, ReadUntilFailsAtTheEndAndLosesNothing) {
  connect_to_recorder();
  auto line = mine().read_until("\n");
  peer.connection->write("half a line");
  peer.connection->lose_connection();
  auto missing = result_of(std::move(line));
  ASSERT_FALSE(missing);
  EXPECT_TRUE(missing.error().check(errc::connection_done));
  EXPECT_EQ(*result_of(mine().read()), "half a line");
}

TEST_P(StreamConformance, ASecondReadAtATimeIsMisuse) {
  connect_to_recorder();
  auto first = mine().read();
  EXPECT_THROW(static_cast<void>(mine().read()), misuse);
  EXPECT_THROW(static_cast<void>(mine().read(0)), misuse);
  EXPECT_THROW(static_cast<void>(mine().read_until("")), misuse);
  peer.connection->write("x");
  EXPECT_EQ(*result_of(std::move(first)), "x");
}

TEST_P(StreamConformance, ACancelledReadLosesNothing) {
  connect_to_recorder();
  auto eight = mine().read_exactly(8);
  peer.connection->write("1234");
  settle();
  eight.cancel(error(errc::timed_out, "too slow"));
  EXPECT_TRUE(result_of(std::move(eight)).error().check(errc::timed_out));
  peer.connection->write("5678");
  settle();
  EXPECT_EQ(*result_of(mine().read()), "12345678");
}

TEST_P(StreamConformance, ADroppedReadLosesNothing) {
  connect_to_recorder();
  {
    auto dropped = mine().read();
  }
  peer.connection->write("1234");
  settle();
  EXPECT_EQ(*result_of(mine().read()), "1234");
}

TEST_P(StreamConformance, WhileNobodyReadsNoMoreThanABuffersWorthIsTaken) {
  connect_to_recorder();
  peer.connection->write(std::string(64 * much, 'x'));
  settle();
  EXPECT_GT(peer.connection->unsent_bytes(), 32 * much) << "the stream takes what is sent without being read";
  std::size_t got = 0;
  while (got < 64 * much) {
    const auto some = result_of(mine().read());
    ASSERT_TRUE(some);
    ASSERT_FALSE(some->empty());
    got += some->size();
  }
  EXPECT_EQ(got, 64 * much);
}

TEST_P(StreamConformance, WriteFiresWhenThePeerHasTakenEnough) {
  connect_to_recorder();
  EXPECT_TRUE(mine().write("little").ready());
  peer.connection->pause_producing();
  peer.received.reserve(65 * much);  // or it is copied in a callback when it grows
  auto big = mine().write(std::string(64 * much, 'x'));
  settle();
  EXPECT_FALSE(big.ready());
  peer.connection->resume_producing();
  EXPECT_TRUE(result_of(std::move(big)));
  until([&] { return peer.received.size() == 64 * much + 6; }, "everything has arrived");
}

TEST_P(StreamConformance, ACancelledWriteIsStillSent) {
  connect_to_recorder();
  peer.connection->pause_producing();
  peer.received.reserve(65 * much);
  auto big = mine().write(std::string(64 * much, 'x'));
  big.cancel();
  EXPECT_TRUE(result_of(std::move(big)).error().check(errc::cancelled));
  peer.connection->resume_producing();
  until([&] { return peer.received.size() == 64 * much; }, "everything has arrived");
}

TEST_P(StreamConformance, ReadingAndWritingFailWithTheReasonOfTheLoss) {
  connect_to_recorder();
  auto reading = mine().read();
  peer.connection->abort_connection();
  auto lost = result_of(std::move(reading));
  ASSERT_FALSE(lost);
  EXPECT_TRUE(lost.error().check(errc::connection_lost)) << lost.error().describe();
  EXPECT_TRUE(result_of(mine().read_exactly(1)).error().check(errc::connection_lost));
  EXPECT_TRUE(result_of(mine().write("x")).error().check(errc::connection_lost));
  EXPECT_EQ(mine().peer_address(), address());
}

TEST_P(StreamConformance, S90_WhatCameBeforeALossIsReadFirst) {
  connect_to_recorder();
  peer.connection->write("last words");
  settle();
  peer.connection->abort_connection();
  settle();
  EXPECT_EQ(*result_of(mine().read()), "last words");
  EXPECT_FALSE(result_of(mine().read()));
}

TEST_P(StreamConformance, WaitingWritersFailWithTheReasonOfTheLoss) {
  connect_to_recorder();
  peer.connection->pause_producing();
  auto big = mine().write(std::string(64 * much, 'x'));
  auto next = mine().write("more");
  settle();
  peer.connection->abort_connection();
  EXPECT_TRUE(result_of(std::move(big)).error().check(errc::connection_lost));
  EXPECT_TRUE(result_of(std::move(next)).error().check(errc::connection_lost));
}

TEST_P(StreamConformance, CloseSendsWhatIsQueuedAndFiresWhenBothSidesHaveEnded) {
  connect_to_recorder();
  static_cast<void>(mine().write(std::string(much, 'x')));
  auto closed = mine().close();
  EXPECT_TRUE(result_of(mine().write("late")).error().check(errc::closed));
  EXPECT_TRUE(result_of(std::move(closed)));
  EXPECT_EQ(peer.received.size(), much);
  EXPECT_TRUE(peer.reason->check(errc::connection_done));
  EXPECT_TRUE(result_of(mine().close())) << "a second time does nothing";
  EXPECT_EQ(*result_of(mine().read()), "");
}

TEST_P(StreamConformance, AbortResets) {
  connect_to_recorder();
  mine().abort();
  until([&] { return peer.lost(); }, "the peer sees it");
  EXPECT_TRUE(peer.reason->check(errc::connection_lost));
  EXPECT_TRUE(result_of(mine().read()).error().check(errc::connection_aborted));
}

TEST_P(StreamConformance, S88_EndingThisSideLeavesReadingOpen) {
  connect_to_recorder(half_open::goes_on);
  static_cast<void>(mine().write("question"));
  mine().lose_write_connection();
  EXPECT_TRUE(result_of(mine().write("late")).error().check(errc::closed));
  until([&] { return peer.has("read lost"); }, "the peer sees the end");
  peer.connection->write("answer");
  EXPECT_EQ(*result_of(mine().read_exactly(6)), "answer");
}

TEST_P(StreamConformance, DroppingAStreamSendsWhatWasWritten) {
  connect_to_recorder();
  static_cast<void>(mine().write(std::string(much, 'x')));
  mine_.reset();
  until([&] { return peer.lost(); }, "the peer sees the end");
  EXPECT_EQ(peer.received.size(), much);
  EXPECT_TRUE(peer.reason->check(errc::connection_done)) << peer.reason->describe();
}

TEST_P(StreamConformance, MovingAStreamOverAnotherDropsThatOne) {
  connect_to_recorder();
  mine() = dial();
  until([&] { return peer.lost(); }, "the first one ends");
  EXPECT_TRUE(peer.reason->check(errc::connection_done));
}

deferred<std::string> ask(reactor& loop, std::string where, std::string question) {
  auto s = co_await connect(loop, std::move(where));
  const std::size_t bytes = question.size();
  co_await s.write(std::move(question));
  auto answer = co_await s.read_exactly(bytes);
  co_await s.close();
  co_return answer;
}

TEST_P(StreamConformance, AServedStreamTalksToAConnectedOne) {
  serve(echo);
  EXPECT_EQ(*result_of(ask(loop(), where(), "hello")), "hello");
}

TEST_P(StreamConformance, ManyStreamsAreServedAtATime) {
  serve(echo);
  std::vector<deferred<std::string>> answers;
  for (int i = 0; i < 50; ++i) {
    answers.push_back(ask(loop(), where(), std::string(i * 1000 + 1, static_cast<char>('a' + i % 26))));
  }
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(result_of(std::move(answers[i]))->size(), i * 1000 + 1U);
  }
}

deferred<void> fails_when_told(stream s) {
  auto what = co_await s.read_exactly(4);
  if (what == "fail") throw std::runtime_error("the server broke");
  co_await s.write("fine");
}

TEST_P(StreamConformance, AFailureAbortsItsConnectionOnlyAndIsLogged) {
  serve(fails_when_told);
  stream good = dial();
  stream bad = dial();
  static_cast<void>(bad.write("fail"));
  EXPECT_TRUE(result_of(bad.read()).error().check(errc::connection_lost));
  EXPECT_THAT(logged_, Contains(HasSubstr("the server broke")));
  static_cast<void>(good.write("pass"));
  EXPECT_EQ(*result_of(good.read_exactly(4)), "fine");
}

TEST_P(StreamConformance, AServerThatThrowsBeforeItWaitsAbortsItsConnection) {
  serve([](stream) -> deferred<void> { throw std::runtime_error("no service"); });
  auto made = result_of(connect(loop(), where()));  // which the abort may overtake
  EXPECT_TRUE(!made || !result_of(made->read()));
  EXPECT_THAT(logged_, Contains(HasSubstr("no service")));
}

struct on_end {
  explicit on_end(int& its_count) : count(its_count) {}
  on_end(const on_end&) = delete;
  on_end& operator=(const on_end&) = delete;
  ~on_end() { ++count; }
  int& count;
};

deferred<void> waits_for_ever(stream s, int& ended) {
  const on_end counts(ended);
  auto nothing = co_await s.read();
  co_await s.write(std::move(nothing));
}

TEST_P(StreamConformance, WhatIsServedIsDroppedWhenTheLoopStops) {
  int ended = 0;
  serve([&ended](stream s) { return waits_for_ever(std::move(s), ended); });
  auto first = std::make_unique<stream>(dial());
  auto second = std::make_unique<stream>(dial());
  settle();
  EXPECT_EQ(ended, 0);
  first.reset();
  second.reset();
  port_.reset();
  end_loop();
  EXPECT_EQ(ended, 2);
}

TEST_P(StreamConformance, TheServersCapturesLiveAsLongAsItsCoroutines) {
  auto captured = std::make_shared<int>();
  const std::weak_ptr<int> watched = captured;
  serve([captured = std::move(captured)](stream s) { return echo(std::move(s)); });
  {
    stream s = dial();
    settle();
    port_.reset();
    EXPECT_FALSE(watched.expired());
    static_cast<void>(s.write("x"));
    EXPECT_EQ(*result_of(s.read()), "x");
  }
  until([&] { return watched.expired(); }, "the last coroutine has ended");
}

TEST_P(StreamConformance, S111_ADroppedConnectMakesNoStream) {
  serve(echo);
  {
    auto dropped = connect(loop(), where());
  }
  settle();
  SUCCEED();
}

WHORL_ON_EVERY_LOOP(Streams, StreamConformance);

}  // namespace
}  // namespace whorl
