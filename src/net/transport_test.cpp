// The rules of stream transports, on every back end.

#include "net/conformance.h"

#include <whorl/deferred/log.h>

#include <thread>

namespace whorl {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr std::size_t much = 1 << 20;
constexpr duration short_linger = std::chrono::milliseconds(20);

// Bytes in which every place is recognisable.
std::string pattern(std::size_t bytes) {
  std::string text(bytes, '\0');
  std::uint32_t state = 1;
  for (char& c : text) {
    state = state * 1664525 + 1013904223;
    c = static_cast<char>(state >> 24);
  }
  return text;
}

class Conformance : public loop_test {
 protected:
  void SetUp() override {
    silenced_ = set_log_sink([this](log_level, std::string_view line) { logged_.emplace_back(line); });
    loop_test::SetUp();
  }

  void TearDown() override {
    server.react = client.react = nullptr;
    port_.reset();
    loop_test::TearDown();
    set_log_sink(std::move(silenced_));
  }

  void listen_on(std::string description, factory build) {
    auto made = listen(loop(), std::move(description), std::move(build)).take();
    ASSERT_TRUE(made) << made.error().error().what();
    port_.emplace(std::move(*made));
  }

  std::string where() const { return port_->local_address().to_string(); }

  void connect_pair(half_open when_client_ends = half_open::ends, half_open when_server_ends = half_open::ends) {
    listen_on("tcp:127.0.0.1:0",
              [=, this](const address&) { return std::make_unique<recorder>(server, when_client_ends); });
    connect_client(when_server_ends);
    until([&] { return server.has("made"); }, "the server has the connection");
  }

  void connect_client(half_open when_server_ends = half_open::ends) {
    auto made = result_of(connect(loop(), where(), std::make_unique<recorder>(client, when_server_ends)));
    ASSERT_TRUE(made) << made.error().error().what();
  }

  void until_both_lost() {
    until([&] { return server.lost() && client.lost(); }, "both sides have lost the connection");
  }

  void on_both(void (*ask)(transport&)) {
    for (const record* side : {&server, &client}) {
      if (side->connection != nullptr) ask(*side->connection);
    }
    settle();
  }

  // For records that do not outlive the test's body.
  template <class... Records>
  void end_connections_of(Records&... records) {
    (records.connection->abort_connection(), ...);
    until([&] { return (records.has("destroyed") && ...); }, "the connections have ended");
  }

  record server;
  record client;
  std::optional<port> port_;
  std::vector<std::string> logged_;

 private:
  log_sink silenced_;
};

TEST_P(Conformance, S79_ConnectionMadeComesFirstAndConnectionLostLast) {
  connect_pair();
  client.connection->write("hello");
  client.connection->lose_connection();
  until_both_lost();
  loop().turn(loop().now());
  EXPECT_THAT(server.events, ElementsAre("made", "received", "read lost", "lost", "destroyed"));
  EXPECT_THAT(client.events, ElementsAre("made", "lost", "destroyed"));
}

TEST_P(Conformance, S79_TheProtocolHearsOfTheConnectionBeforeWhoeverConnected) {
  connect_pair();
  record second;
  auto pending = connect(loop(), where(), std::make_unique<recorder>(second));
  bool made_before = false;
  auto seen = std::move(pending).add_callback([&](recorder*) { made_before = second.has("made"); });
  until([&] { return seen.ready(); }, "the connection is made");
  EXPECT_TRUE(made_before);
  end_connections_of(second);
}

TEST_P(Conformance, S80_AnEndInOrderIsConnectionDoneOnBothSides) {
  connect_pair();
  server.connection->lose_connection();
  until_both_lost();
  EXPECT_TRUE(server.reason->check(errc::connection_done)) << server.reason->describe();
  EXPECT_TRUE(client.reason->check(errc::connection_done)) << client.reason->describe();
}

TEST_P(Conformance, S80_AnAbortIsConnectionAbortedHereAndConnectionLostThere) {
  connect_pair();
  server.connection->abort_connection();
  until_both_lost();
  EXPECT_TRUE(server.reason->check(errc::connection_aborted)) << server.reason->describe();
  EXPECT_TRUE(client.reason->check(errc::connection_lost)) << client.reason->describe();
  EXPECT_THAT(client.reason->error().what(),
              AllOf(HasSubstr("the connection "), HasSubstr("tcp:127.0.0.1:"), HasSubstr("reset by peer")));
}

TEST_P(Conformance, S80_TheLoopsEndIsConnectionLost) {
  connect_pair();
  port_.reset();
  end_loop();
  EXPECT_TRUE(server.reason->check(errc::connection_lost));
  EXPECT_TRUE(client.reason->check(errc::connection_lost));
  EXPECT_TRUE(client.has("destroyed"));
}

TEST_P(Conformance, S81_WritesOfAllKindsAndSizesArriveInOrder) {
  connect_pair();
  const std::string bytes = pattern(much);
  std::size_t at = 0;
  for (std::size_t size = 1; at < bytes.size(); size = size * 3 % 70001 + 1) {
    const std::string part = bytes.substr(at, size);
    if (size % 2 == 0) {
      client.connection->write(part);
    } else {
      client.connection->write(std::as_bytes(std::span(part)));
    }
    at += part.size();
  }
  until([&] { return server.received.size() == bytes.size(); }, "everything has arrived");
  EXPECT_TRUE(server.received == bytes);
}

TEST_P(Conformance, S81_WriteNeverCallsBackAndIsIgnoredWhenTheConnectionIsGone) {
  connect_pair();
  server.connection->abort_connection();
  client.call([](transport& t) { t.write(std::string(much, 'x')); });
  server.call([](transport& t) { t.write("too late"); });
  EXPECT_EQ(server.connection->unsent_bytes(), 0U);
  until_both_lost();
}

TEST_P(Conformance, S82_LoseConnectionFlushesBeforeClosing) {
  connect_pair();
  const std::string bytes = pattern(4 * much);
  server.connection->write(bytes);
  server.call([](transport& t) { t.lose_connection(); });
  EXPECT_FALSE(server.lost());
  until_both_lost();
  EXPECT_TRUE(client.received == bytes);
  EXPECT_TRUE(client.reason->check(errc::connection_done)) << client.reason->describe();
  EXPECT_TRUE(server.reason->check(errc::connection_done)) << server.reason->describe();
}

TEST_P(Conformance, S82_LoseConnectionStopsReading) {
  connect_pair();
  server.react = [](record& at, std::string_view event) {
    if (event == "received" && at.received == "first") at.connection->lose_connection();
  };
  client.connection->write("first");
  until([&] { return server.received == "first"; }, "the first bytes have arrived");
  client.connection->write(std::string(much, 'x'));
  until_both_lost();
  EXPECT_EQ(server.received, "first");
}

TEST_P(Conformance, S82_UnreadInputDoesNotDestroyWhatIsUnderway) {
  connect_pair();
  server.connection->pause_producing();
  client.connection->pause_producing();
  client.connection->write(std::string(100'000, 'u'));
  settle();
  const std::string bytes = pattern(much);
  server.connection->write(bytes);
  server.connection->lose_connection();
  settle();
  client.connection->write(std::string(100'000, 'l'));
  settle();
  client.connection->resume_producing();
  until_both_lost();
  EXPECT_EQ(client.received.size(), bytes.size());
  EXPECT_TRUE(client.reason->check(errc::connection_done)) << client.reason->describe();
  EXPECT_THAT(server.received, IsEmpty());
}

TEST_P(Conformance, S83_BytesWrittenAfterLoseConnectionAreDropped) {
  connect_pair();
  server.connection->write("before");
  server.connection->lose_connection();
  server.connection->write("after");
  until_both_lost();
  EXPECT_EQ(client.received, "before");
}

TEST_P(Conformance, S84_APeerThatTakesNothingIsAbortedAfterTheLinger) {
  connect_pair();
  client.connection->pause_producing();
  server.connection->write(std::string(64 * much, 'x'));
  server.connection->lose_connection(short_linger);
  until([&] { return server.lost(); }, "the linger has passed");
  EXPECT_TRUE(server.reason->check(errc::connection_aborted)) << server.reason->describe();
  EXPECT_THAT(server.reason->error().what(), AllOf(HasSubstr("took nothing"), HasSubstr("0.02 s")));
  client.connection->resume_producing();
  until([&] { return client.lost(); }, "the client sees the reset");
  EXPECT_TRUE(client.reason->check(errc::connection_lost)) << client.reason->describe();
}

TEST_P(Conformance, S84_APeerThatNeverEndsIsClosedAfterTheLinger) {
  connect_pair(half_open::ends, half_open::goes_on);
  server.connection->write("good bye");
  settle();
  server.connection->lose_connection(short_linger);
  until([&] { return server.lost(); }, "the linger has passed");
  EXPECT_TRUE(server.reason->check(errc::connection_done)) << server.reason->describe();
  EXPECT_EQ(client.received, "good bye");
  EXPECT_FALSE(client.lost());
}

TEST_P(Conformance, S84_TheLingerStartsAnewWheneverThePeerTakesSomething) {
  if (!loop().io().simulated()) GTEST_SKIP() << "how fast a kernel hands bytes over is its own affair";
  connect_pair();
  const std::string bytes = pattern(40 * much);
  client.connection->pause_producing();
  server.connection->write(bytes);
  constexpr duration linger = std::chrono::milliseconds(500);
  server.connection->lose_connection(linger);
  const time_point start = loop().now();
  client.react = [](record& at, std::string_view event) {
    if (event == "received" && at.received.size() < 36 * much) at.connection->pause_producing();
  };
  delayed_call next_sip;
  std::function<void()> sip = [&] {  // slower in all than one linger, and never as slow as one at a time
    if (client.connection == nullptr) return;
    client.connection->resume_producing();
    next_sip = loop().call_later(std::chrono::milliseconds(1), sip);
  };
  sip();
  until([&] { return server.lost(); }, "the rest is sent");
  EXPECT_TRUE(server.reason->check(errc::connection_done))
      << server.reason->describe() << " after " << (loop().now() - start).count() << " ns, with "
      << client.received.size();
  EXPECT_TRUE(client.received == bytes);
  next_sip.cancel();
}

TEST_P(Conformance, S85_AbortDropsWhatIsQueuedAndIsSafeInAnEventAndRepeated) {
  connect_pair();
  server.react = [](record& at, std::string_view event) {
    if (event == "received") {
      at.connection->write("dropped");
      at.connection->abort_connection();
      at.connection->abort_connection();
      at.connection->lose_connection();
      at.connection->pause_producing();
      at.connection->resume_producing();
    }
  };
  client.connection->write(std::string(much, 'x'));
  until_both_lost();
  EXPECT_THAT(server.events, ElementsAre("made", "received", "lost", "destroyed"));
  EXPECT_TRUE(server.reason->check(errc::connection_aborted));
  EXPECT_LT(server.received.size(), much) << "nothing is delivered after the abort";
  EXPECT_THAT(client.received, IsEmpty());
}

TEST_P(Conformance, S85_AbortAfterLoseConnectionGivesUpTheFlush) {
  connect_pair();
  client.connection->pause_producing();
  server.connection->write(std::string(64 * much, 'x'));
  server.connection->lose_connection();
  settle();
  server.call([](transport& t) { t.abort_connection(); });
  until([&] { return server.lost(); }, "the abort is confirmed");
  EXPECT_TRUE(server.reason->check(errc::connection_aborted));
}

TEST_P(Conformance, S86_AnExceptionFromAnEventEndsThatConnectionOnly) {
  record other;
  int accepted = 0;
  listen_on("tcp:127.0.0.1:0",
            [&](const address&) { return std::make_unique<recorder>(++accepted == 1 ? server : other); });
  connect_client();
  record second;
  auto made = result_of(connect(loop(), where(), std::make_unique<recorder>(second)));
  ASSERT_TRUE(made);
  server.react = [](record&, std::string_view event) {
    if (event == "received") throw std::runtime_error("the protocol broke");
  };
  client.connection->write("x");
  until_both_lost();
  second.connection->write("hello");
  until([&] { return other.received == "hello"; }, "the other connection goes on");
  end_connections_of(other, second);
}

TEST_P(Conformance, S86_TheExceptionIsTheReasonAndIsLogged) {
  connect_pair();
  server.react = [](record&, std::string_view event) {
    if (event == "received") throw std::runtime_error("the protocol broke");
  };
  client.connection->write("x");
  until_both_lost();
  EXPECT_TRUE(server.reason->check(errc::exception));
  EXPECT_TRUE(server.reason->exception());
  EXPECT_THAT(logged_, testing::Contains(HasSubstr("the protocol broke")));
}

TEST_P(Conformance, S86_ConnectFailsWithWhatConnectionMadeThrew) {
  connect_pair();
  record second;
  second.react = [](record&, std::string_view event) {
    if (event == "made") throw error(errc::full, "no room");
  };
  auto made = result_of(connect(loop(), where(), std::make_unique<recorder>(second)));
  ASSERT_FALSE(made);
  EXPECT_TRUE(made.error().check(errc::full));
  until([&] { return second.has("destroyed"); }, "the connection has ended");
  EXPECT_TRUE(second.reason->check(errc::full));
}

TEST_P(Conformance, S86_AnExceptionFromConnectionLostIsLogged) {
  connect_pair();
  server.react = [](record&, std::string_view event) {
    if (event == "lost") throw std::runtime_error("a bad loser");
  };
  server.connection->abort_connection();
  until([&] { return server.has("destroyed"); }, "the connection has ended");
  EXPECT_THAT(logged_, testing::Contains(HasSubstr("a bad loser")));
}

TEST_P(Conformance, S87_ThePeersEndEndsTheConnectionByDefault) {
  connect_pair();
  client.connection->lose_write_connection();
  until_both_lost();
  EXPECT_TRUE(server.reason->check(errc::connection_done));
  EXPECT_TRUE(client.reason->check(errc::connection_done));
}

TEST_P(Conformance, S87_AProtocolThatGoesOnMayWriteUntilItLosesTheConnection) {
  connect_pair(half_open::goes_on);
  client.connection->write("question");
  client.connection->lose_write_connection();
  until([&] { return server.has("read lost"); }, "the server sees the end");
  server.connection->write("answer");
  until([&] { return client.received == "answer"; }, "the answer has arrived");
  EXPECT_FALSE(server.lost());
  server.connection->lose_connection();
  until_both_lost();
  EXPECT_TRUE(server.reason->check(errc::connection_done));
  EXPECT_EQ(server.received, "question");
}

TEST_P(Conformance, S88_LoseWriteConnectionFlushesEndsThisSideAndDataStillArrives) {
  connect_pair(half_open::goes_on);
  const std::string bytes = pattern(much);
  client.connection->write(bytes);
  client.call([](transport& t) {
    t.lose_write_connection();
    t.lose_write_connection();
    t.write("too late");
  });
  EXPECT_FALSE(client.has("write lost"));
  until([&] { return server.has("read lost") && client.has("write lost"); }, "this side has ended");
  EXPECT_TRUE(server.received == bytes);
  server.connection->write("still");
  until([&] { return client.received == "still"; }, "data still arrives");
  server.connection->lose_connection();
  until_both_lost();
  EXPECT_THAT(client.events,
              ElementsAre("made", "paused", "resumed", "write lost", "received", "read lost", "lost", "destroyed"));
}

TEST_P(Conformance, S89_LosingAConnectionThatHasEndedItsOwnSideTellsLater) {
  connect_pair(half_open::goes_on, half_open::goes_on);
  client.connection->lose_write_connection();
  until([&] { return server.has("read lost"); }, "the server sees the end");
  server.call([](transport& t) {
    t.lose_write_connection();
    t.lose_connection();
  });
  client.call([](transport& t) { t.lose_connection(); });
  until_both_lost();
  EXPECT_TRUE(server.reason->check(errc::connection_done));
}

TEST_P(Conformance, S89_ConnectionLostIsNeverDeliveredInsideACall) {
  for (auto end : {+[](transport& t) { t.lose_connection(); }, +[](transport& t) { t.abort_connection(); }}) {
    server = client = record();
    connect_pair();
    server.call(end);
    client.call(end);
    until_both_lost();
    port_.reset();
  }
}

TEST_P(Conformance, S90_WhatThePeerSentBeforeItsEndIsDeliveredFirst) {
  connect_pair();
  const std::string bytes = pattern(much / 2);
  server.connection->pause_producing();
  client.connection->write(bytes);
  client.connection->lose_connection();
  settle();
  EXPECT_FALSE(server.lost());
  server.react = [this](record& at, std::string_view event) {
    if (event == "received") {
      at.connection->pause_producing();
      loop()
          .call_later(duration::zero(),
                      [&at] {
                        if (at.connection != nullptr) at.connection->resume_producing();
                      })
          .detach();
    }
  };
  server.connection->resume_producing();
  until_both_lost();
  EXPECT_TRUE(server.received == bytes);
  EXPECT_TRUE(server.reason->check(errc::connection_done)) << server.reason->describe();
}

TEST_P(Conformance, S90_AFailingWriteDoesNotHideWhatThePeerSentBefore) {
  connect_pair(half_open::goes_on);
  server.connection->pause_producing();
  client.connection->write("last words");
  settle();
  client.connection->lose_connection(duration::zero());
  until([&] { return client.has("destroyed"); }, "the client has closed");
  server.connection->resume_producing();
  const auto write_on = [&] {
    if (server.connection != nullptr) server.connection->write("to nobody");
    return server.lost();
  };
  until(write_on, "the server notices");
  EXPECT_EQ(server.received, "last words");
  EXPECT_TRUE(server.reason->check(errc::connection_lost)) << server.reason->describe();
}

TEST_P(Conformance, S91_NothingIsReceivedWhilePaused) {
  connect_pair();
  server.connection->pause_producing();
  client.connection->write("hello");
  settle();
  EXPECT_THAT(server.received, IsEmpty());
  server.connection->resume_producing();
  until([&] { return server.received == "hello"; }, "the bytes have arrived");
}

TEST_P(Conformance, S91_PausingInsideAnEventHoldsBackEvenTheRestOfTheCurrentRead) {
  connect_pair();
  server.react = [](record& at, std::string_view event) {
    if (event == "received") at.connection->pause_producing();
  };
  client.connection->write(std::string(much, 'x'));
  until([&] { return server.has("received"); }, "the first bytes have arrived");
  const std::size_t first = server.received.size();
  settle();
  EXPECT_EQ(server.received.size(), first);
}

TEST_P(Conformance, S91_ResumingAfterTheEndDoesNothing) {
  connect_pair();
  server.connection->lose_connection();
  server.connection->resume_producing();
  server.connection->pause_producing();
  client.react = [](record& at, std::string_view event) {
    if (event == "lost") {
      at.connection->resume_producing();
      at.connection->pause_producing();
      at.connection->write("x");
      at.connection->lose_write_connection();
      at.connection->lose_connection();
      at.connection->abort_connection();
    }
  };
  until_both_lost();
}

TEST_P(Conformance, S91_APausedConnectionNoticesLossWhenItWrites) {
  connect_pair();
  server.connection->pause_producing();
  client.connection->abort_connection();
  until([&] { return client.lost(); }, "the client is gone");
  until(
      [&] {
        if (server.connection != nullptr) server.connection->write("anybody?");
        return server.lost();
      },
      "the server notices");
  EXPECT_TRUE(server.reason->check(errc::connection_lost)) << server.reason->describe();
}

TEST_P(Conformance, S92_AFactoryThatBuildsNothingRefusesPolitely) {
  listen_on("tcp:127.0.0.1:0", [](const address&) { return nullptr; });
  connect_client();
  client.connection->write("anybody?");
  until([&] { return client.lost(); }, "the connection has ended");
  EXPECT_TRUE(client.reason->check(errc::connection_done)) << client.reason->describe();
}

TEST_P(Conformance, S92_ConnectingNoProtocolFails) {
  auto made = connect(loop(), "tcp:127.0.0.1:1", std::unique_ptr<recorder>()).take();
  ASSERT_FALSE(made);
  EXPECT_TRUE(made.error().check(errc::bad_input));
  EXPECT_THAT(made.error().error().what(), HasSubstr("there is no protocol"));
}

TEST_P(Conformance, AFactoryThatThrowsRefusesOneConnection) {
  int calls = 0;
  listen_on("tcp:127.0.0.1:0", [&](const address&) -> std::unique_ptr<protocol> {
    if (++calls == 1) throw std::runtime_error("the factory broke");
    return std::make_unique<recorder>(server);
  });
  connect_client();
  until([&] { return client.lost(); }, "the connection is refused");
  EXPECT_THAT(logged_, testing::Contains(HasSubstr("the factory broke")));
  client = record();
  connect_client();
  until([&] { return server.has("made"); }, "the next one is accepted");
}

TEST_P(Conformance, S93_StoppingLeavesAcceptedConnectionsAloneAndListeningCanStartAgain) {
  connect_pair();
  const std::string there = where();
  port_->stop_listening();
  port_->stop_listening();
  EXPECT_EQ(port_->local_address(), address());
  record refused;
  auto attempt = result_of(connect(loop(), there, std::make_unique<recorder>(refused)));
  ASSERT_FALSE(attempt);
  EXPECT_EQ(attempt.error().error().code(), std::error_code(ECONNREFUSED, std::system_category()));
  client.connection->write("still here");
  until([&] { return server.received == "still here"; }, "the accepted connection is alive");
  listen_on(there, [this](const address&) { return std::make_unique<recorder>(server); });
  EXPECT_EQ(where(), there);
}

TEST_P(Conformance, S93_TheFactoryDiesWithItsPortAlsoFromInsideItself) {
  auto alive = std::make_shared<int>();
  std::weak_ptr<int> watched = alive;
  listen_on("tcp:127.0.0.1:0", [this, alive = std::move(alive)](const address&) {
    port_.reset();
    return std::make_unique<recorder>(server);
  });
  connect_client();
  until([&] { return server.has("made"); }, "the connection that dropped the port is served");
  EXPECT_TRUE(watched.expired());
  client.connection->write("hello");
  until([&] { return server.received == "hello"; }, "and works");
}

TEST_P(Conformance, S94_ListeningTwiceFailsThroughTheDeferredWithAHint) {
  connect_pair();
  auto second = listen(loop(), where(), [](const address&) { return nullptr; }).take();
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().error().code(), std::error_code(EADDRINUSE, std::system_category()));
  EXPECT_THAT(second.error().error().what(),
              AllOf(HasSubstr("listen \"" + where() + "\": Address already in use; "), HasSubstr("choose another")));
}

TEST_P(Conformance, S94_BadDescriptionsFailThroughTheDeferred) {
  auto listened = listen(loop(), "tpc:80", [](const address&) { return nullptr; }).take();
  ASSERT_FALSE(listened);
  EXPECT_TRUE(listened.error().check(errc::bad_input));
  auto connected = connect(loop(), "tcp:80").take();
  ASSERT_FALSE(connected);
  EXPECT_THAT(connected.error().error().what(), HasSubstr("the host is missing; write tcp:HOST:PORT"));
}

TEST_P(Conformance, S94_AnAttemptThatIsRefusedFailsLater) {
  connect_pair();
  const std::string there = where();
  port_.reset();
  auto attempt = connect(loop(), there, std::make_unique<recorder>(client));
  EXPECT_FALSE(attempt.ready());
  auto refused = result_of(std::move(attempt));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().error().code(), std::error_code(ECONNREFUSED, std::system_category()));
  EXPECT_EQ(std::string(refused.error().error().what()),
            "connect \"" + there + "\": Connection refused; is a server listening there?");
}

TEST_P(Conformance, S96_NothingKeepsTheProtocolAliveAfterConnectionLost) {
  connect_pair();
  server.connection->abort_connection();
  until([&] { return server.lost(); }, "the connection is lost");
  EXPECT_EQ(server.events.back(), "destroyed") << "in the same turn, right after connection_lost returned";
}

TEST_P(Conformance, S97b_WritingIsPausedAtTheHighMarkAndResumedAtTheLowOne) {
  connect_pair();
  client.connection->set_water_marks({.high_bytes = 1000, .low_bytes = 100});
  client.connection->write(std::string(999, 'x'));
  settle();
  EXPECT_FALSE(client.has("paused"));
  client.call([](transport& t) {
    t.write(std::string(64 * much, 'x'));
    t.write(std::string(64 * much, 'x'));
  });
  server.connection->pause_producing();
  server.received.reserve(129 * much);  // or it is copied in a callback when it grows
  until([&] { return client.has("paused"); }, "the client is told to pause");
  EXPECT_GT(client.connection->unsent_bytes(), 100U);
  EXPECT_FALSE(client.has("resumed"));
  std::size_t unsent_when_resumed = 101;
  client.react = [&](record& at, std::string_view event) {
    if (event == "resumed") unsent_when_resumed = at.connection->unsent_bytes();
  };
  server.connection->resume_producing();
  until([&] { return client.has("resumed"); }, "and to resume");
  EXPECT_LE(unsent_when_resumed, 100U);
  EXPECT_THAT(client.events, ElementsAre("made", "paused", "resumed"));
}

TEST_P(Conformance, S97b_WritingMuchInsideResumedPausesAgain) {
  connect_pair();
  int resumed = 0;
  client.react = [&](record& at, std::string_view event) {
    if (event == "resumed" && ++resumed < 5) at.connection->write(std::string(much, 'x'));
  };
  client.connection->write(std::string(much, 'x'));
  until([&] { return server.received.size() == 5 * much && resumed == 5; }, "all five have arrived");
  EXPECT_THAT(client.events, ElementsAre("made", "paused", "resumed", "paused", "resumed", "paused", "resumed",
                                         "paused", "resumed", "paused", "resumed"));
}

TEST_P(Conformance, S97b_WaterMarksThatNeverResumeAreMisuse) {
  connect_pair();
  EXPECT_THROW(client.connection->set_water_marks({.high_bytes = 10, .low_bytes = 10}), misuse);
}

TEST_P(Conformance, S111_ACancelledConnectFailsAndTheAttemptIsTornDown) {
  connect_pair();
  record second;
  auto attempt = connect(loop(), where(), std::make_unique<recorder>(second));
  attempt.cancel(error(errc::timed_out, "too slow"));
  auto cancelled = result_of(std::move(attempt));
  ASSERT_FALSE(cancelled);
  EXPECT_TRUE(cancelled.error().check(errc::timed_out));
  settle();
  EXPECT_THAT(second.events, ElementsAre("destroyed"));
}

TEST_P(Conformance, S111_ADroppedConnectIsTornDown) {
  connect_pair();
  record second;
  {
    auto attempt = connect(loop(), where(), std::make_unique<recorder>(second));
  }
  settle();
  EXPECT_THAT(second.events, ElementsAre("destroyed"));
}

TEST_P(Conformance, S74_AnAttemptFailsWhenTheLoopStops) {
  connect_pair();
  record second;
  auto attempt = connect(loop(), where(), std::make_unique<recorder>(second));
  port_.reset();
  end_loop();
  ASSERT_TRUE(attempt.ready());
  EXPECT_TRUE(std::move(attempt).take().error().check(errc::shutting_down));
}

// Every request is safe inside every event.
TEST_P(Conformance, RequestsAreSafeInsideEveryEvent) {
  using request = void (*)(transport&);
  const std::vector<request> requests = {
      [](transport& t) { t.lose_connection(); },
      [](transport& t) { t.abort_connection(); },
      [](transport& t) { t.lose_write_connection(); },
      [](transport& t) { t.write(std::string(100'000, 'x')); },
      [](transport& t) { t.pause_producing(); },
      [](transport& t) { t.pause_producing(), t.resume_producing(); },
      [](transport& t) { t.lose_write_connection(), t.abort_connection(), t.lose_connection(); },
  };
  for (const std::string_view in : {"made", "received", "read lost", "write lost", "paused", "resumed", "lost"}) {
    for (const request ask : requests) {
      server = client = record();
      server.react = [&](record& at, std::string_view event) {
        if (event == in && at.connection != nullptr) ask(*at.connection);
      };
      listen_on("tcp:127.0.0.1:0",
                [this](const address&) { return std::make_unique<recorder>(server, half_open::goes_on); });
      // Which an abort may overtake.
      std::ignore = result_of(connect(loop(), where(), std::make_unique<recorder>(client, half_open::goes_on)));
      until([&] { return server.has("made"); }, "the server has the connection");
      on_both([](transport& t) { t.write(std::string(100'000, 'x')); });
      on_both([](transport& t) { t.lose_write_connection(); });
      on_both([](transport& t) { t.abort_connection(); });
      until([&] { return server.has("destroyed") && client.has("destroyed"); }, "both ends are gone");
      EXPECT_EQ(std::ranges::count(server.events, "lost"), 1);
      port_.reset();
    }
  }
}

TEST_P(Conformance, OtherThreadsAreSentAway) {
  connect_pair();
  std::string said;
  std::jthread([&] {
    try {
      client.connection->write("x");
    } catch (const misuse& why) {
      said = why.what();
    }
  }).join();
  EXPECT_THAT(said, HasSubstr("transport::write"));
}

TEST_P(Conformance, AddressesOfBothEndsMatch) {
  connect_pair();
  EXPECT_EQ(server.connection->local_address(), port_->local_address());
  EXPECT_EQ(client.connection->peer_address(), port_->local_address());
  EXPECT_EQ(server.connection->peer_address(), client.connection->local_address());
  EXPECT_EQ(&server.connection->loop(), &loop());
}

TEST_P(Conformance, UnixSocketsAreStreamsToo) {
  const std::string path = "whorl_transport_test." + std::to_string(::getpid()) + ".sock";
  listen_on("unix:" + path, [this](const address&) { return std::make_unique<recorder>(server); });
  auto made = result_of(connect(loop(), "unix:" + path, std::make_unique<recorder>(client)));
  ASSERT_TRUE(made) << made.error().error().what();
  const std::string bytes = pattern(much);
  client.connection->write(bytes);
  client.connection->lose_connection();
  until_both_lost();
  EXPECT_TRUE(server.received == bytes);
  EXPECT_TRUE(client.reason->check(errc::connection_done));
  port_.reset();
  client = record();
  auto refused = result_of(connect(loop(), "unix:" + path, std::make_unique<recorder>(client)));
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().error().what(), HasSubstr("is the path right"));
}

WHORL_ON_EVERY_LOOP(Transports, Conformance);

}  // namespace
}  // namespace whorl
