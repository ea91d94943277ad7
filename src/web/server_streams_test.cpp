// Bodies that are pulled, server-sent events, and what becomes of peers that do not read.

#include "web/server_under_test.h"

namespace whorl::web {
namespace {

using namespace std::chrono_literals;
using testing::EndsWith;
using testing::HasSubstr;

class WebServerStreams : public server_test {};
INSTANTIATE_TEST_SUITE_P(On, WebServerStreams, testing::ValuesIn(loop_kinds()), kind_name);

constexpr std::string_view get_it = "GET /it HTTP/1.1\r\nHost: a\r\n\r\n";

using piece = std::optional<std::string>;

TEST_P(WebServerStreams, PulledBodiesAreChunkedAndTheConnectionGoesOn) {
  site().get("/it", [](request) {
    return response::pulled("text/plain",
                            [left = 3]() mutable { return succeed(left-- > 0 ? piece("abc") : piece()); });
  });
  raw_client& client = connect_client();
  client.write(get_it);
  until_has(client, "\r\n0\r\n\r\n");
  EXPECT_EQ(client.received(),
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"
            "3\r\nabc\r\n3\r\nabc\r\n3\r\nabc\r\n0\r\n\r\n");
  client.write(get_it);
  until([&] { return client.count("\r\n0\r\n\r\n") == 2; }, "the second response");
}

TEST_P(WebServerStreams, PulledBodiesOfAKnownLengthAreSentWithIt) {
  site().get("/it", [](request) {
    return response::pulled(
        "text/plain", [left = 2]() mutable { return succeed(left-- > 0 ? piece("abc") : piece()); }, 6);
  });
  raw_client& client = connect_client();
  client.write(get_it);
  until_has(client, "abcabc");
  EXPECT_THAT(client.received(), HasSubstr("Content-Length: 6\r\n\r\nabcabc"));
}

TEST_P(WebServerStreams, PiecesMayComeLater) {
  std::vector<promise<piece>> asked;
  site().get("/it", [&](request) {
    return response::pulled("text/plain", [&asked] {
      asked.emplace_back();
      return asked.back().get_deferred();
    });
  });
  raw_client& client = connect_client();
  client.write(get_it);
  until([&] { return asked.size() == 1; }, "the first piece is asked for");
  settle();
  EXPECT_EQ(asked.size(), 1U);
  asked[0].callback(piece("one"));
  until_has(client, "3\r\none\r\n");
  EXPECT_EQ(asked.size(), 2U);
  asked[1].callback(piece());
  until_has(client, "0\r\n\r\n");
}

TEST_P(WebServerStreams, S125_PiecesAreAskedForOnlyWhileThePeerTakesThem) {
  int asked = 0;
  site().get("/it", [&](request) {
    return response::pulled(
        "text/plain", [&asked] { return succeed(++asked <= 1000 ? piece(std::string(32 * 1024, 'x')) : piece()); });
  });
  raw_client& client = connect_client();
  client.connection().pause_producing();
  client.write(get_it);
  until([&] { return asked > 2; }, "the first pieces are asked for");
  settle();
  pass(20ms);
  EXPECT_LT(asked, 900);
  client.connection().resume_producing();
  until([&] { return client.received_bytes() > 32U * 1024 * 600; }, "the rest arrives");
}

TEST_P(WebServerStreams, ABodyThatBreaksOffIsNoWholeBody) {
  site().get("/it", [](request) {
    return response::pulled("text/plain", [left = 1]() mutable {
      return left-- > 0 ? succeed(piece("abc")) : fail<piece>(error(errc::not_found, "the file vanished"));
    });
  });
  raw_client& client = connect_client();
  client.write(get_it);
  until([&] { return client.lost(); }, "the connection is aborted");
  EXPECT_FALSE(client.has("0\r\n\r\n"));
  EXPECT_TRUE(logged("the file vanished"));
}

TEST_P(WebServerStreams, ASourceThatKeepsNoPromiseIsBrokenOff) {
  site().get("/it", [](request r) {
    return response::pulled(
        "text/plain", [left = 1]() mutable { return succeed(left-- > 0 ? piece("abc") : piece()); },
        r.query("n") == "2" ? 2 : 4);
  });
  for (const std::string_view n : {"2", "4"}) {
    raw_client& client = connect_client();
    client.write("GET /it?n=" + std::string(n) + " HTTP/1.1\r\nHost: a\r\n\r\n");
    until([&] { return client.lost(); }, "the connection is aborted");
  }
  EXPECT_TRUE(logged("gave more bytes than it had promised"));
  EXPECT_TRUE(logged("1 bytes before the length it had promised"));
}

TEST_P(WebServerStreams, APeerThatLeavesDropsThePieceUnderway) {
  bool cancelled = false;
  std::optional<promise<piece>> underway(std::in_place, [&] { cancelled = true; });
  site().get("/it", [&](request) { return response::pulled("text/plain", [&] { return underway->get_deferred(); }); });
  raw_client& client = connect_client();
  client.write(get_it);
  until_has(client, "chunked");
  client.connection().abort_connection();
  until([&] { return cancelled; }, "the piece is cancelled");
}

TEST_P(WebServerStreams, EventsArriveAsTheyArePushed) {
  std::optional<event_stream> stream;
  site().get("/it", [&](request) {
    stream.emplace();
    stream->push(event("early"));
    return response::events(*stream);
  });
  raw_client& client = connect_client();
  client.write(get_it);
  until_has(client, "data: early\n\n");
  EXPECT_THAT(client.received(), HasSubstr("Content-Type: text/event-stream\r\n"));
  EXPECT_TRUE(stream->push({"two\nlines", "progress", "7"}));
  until_has(client, "id: 7\nevent: progress\ndata: two\ndata: lines\n\n");
  stream->close();
  until_has(client, "\r\n0\r\n\r\n");
  EXPECT_FALSE(stream->push(event("late")));
  EXPECT_FALSE(client.ended());
}

TEST_P(WebServerStreams, PushingToASubscriberThatLeftIsFalse) {
  event_stream stream;
  site().get("/it", [&](request) { return response::events(stream); });
  raw_client& client = connect_client();
  client.write(get_it);
  until_has(client, "chunked");
  client.connection().lose_connection();
  until([&] { return !stream.open(); }, "the stream knows");
  EXPECT_FALSE(stream.push(event("x")));
  until([&] { return site().statistics().connections_open == 0; }, "the connection is gone");
}

TEST_P(WebServerStreams, AStreamThatNobodyHoldsEnds) {
  site().get("/it", [](request) { return response::events(event_stream()); });
  raw_client& client = connect_client();
  client.write(get_it);
  until_has(client, "\r\n0\r\n\r\n");
}

TEST_P(WebServerStreams, HeadOfAStreamHoldsNothing) {
  event_stream stream;
  site().get("/it", [&](request) { return response::events(stream); });
  raw_client& client = connect_client();
  client.write("HEAD /it HTTP/1.1\r\nHost: a\r\n\r\n");
  until_has(client, "\r\n\r\n");
  EXPECT_FALSE(stream.push(event("x")));
}

TEST_P(WebServerStreams, ASubscriberThatDoesNotReadIsDropped) {
  server_options options;
  options.event_backlog_bytes = 100'000;
  start(std::move(options));
  event_stream stream;
  site().get("/it", [&](request) { return response::events(stream); });
  raw_client& slow = connect_client();
  slow.write(get_it);
  until_has(slow, "chunked");
  slow.connection().pause_producing();
  int pushed = 0;
  while (pushed < 100'000 && stream.push(event(std::string(1000, 'x')))) {
    if (++pushed % 50 == 0) loop().turn(loop().now());
  }
  EXPECT_LT(pushed, 100'000);
  until([&] { return site().statistics().connections_open == 0; }, "the connection is gone");
}

TEST_P(WebServerStreams, StopEndsStreamsInOrder) {
  event_stream stream;
  site().get("/it", [&](request) { return response::events(stream); });
  raw_client& client = connect_client();
  client.write(get_it);
  until_has(client, "chunked");
  deferred<void> stopped = site().stop();
  until_ended(client);
  EXPECT_THAT(client.received(), EndsWith("0\r\n\r\n"));
  EXPECT_FALSE(stream.open());
  until([&] { return stopped.ready(); }, "the server has stopped");
}

TEST(Events, NamesAndIdsOfSeveralLinesAreMisuse) {
  EXPECT_THROW(format({"x", "a\nb", ""}), misuse);
  EXPECT_THROW(format({"x", "", "a\rb"}), misuse);
  EXPECT_EQ(format({"a\r\nb\rc\n", "", ""}), "data: a\ndata: b\ndata: c\ndata: \n\n");
}

}  // namespace
}  // namespace whorl::web
