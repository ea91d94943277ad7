// The limits that keep slow and silent clients from holding anybody up, in virtual time.

#include "web/server_under_test.h"

namespace whorl::web {
namespace {

using namespace std::chrono_literals;
using testing::StartsWith;

class WebServerLimits : public server_test {
 protected:
  void SetUp() override {
    server_test::SetUp();
    site().get("/hello", [](request) { return response::text("hello"); });
    site().post("/hello", [](request r) { return response::text(std::to_string(r.body().size())); });
  }
};
INSTANTIATE_TEST_SUITE_P(On, WebServerLimits, testing::ValuesIn(virtual_time()), kind_name);

constexpr std::string_view whole_request = "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n";

// Writes one byte a second for as long as the server listens; the seconds that it did.
int drip(raw_client& client, std::string_view text, const std::function<void(duration)>& pass) {
  int seconds = 0;
  for (; seconds < static_cast<int>(text.size()) && !client.ended(); ++seconds) {
    client.write(text.substr(static_cast<std::size_t>(seconds), 1));
    pass(1s);
  }
  return seconds;
}

TEST_P(WebServerLimits, AClientThatSaysNothingIsClosedInSilence) {
  raw_client& client = connect_client();
  pass(9s);
  EXPECT_FALSE(client.ended());
  pass(2s);
  EXPECT_TRUE(client.ended());
  EXPECT_EQ(client.received(), "");
}

TEST_P(WebServerLimits, AHeadThatDripsInIs408AfterItsTime) {
  raw_client& client = connect_client();
  const int seconds = drip(client, whole_request, [this](duration d) { pass(d); });
  EXPECT_GE(seconds, 9);
  EXPECT_LE(seconds, 12);
  EXPECT_THAT(client.received(), StartsWith("HTTP/1.1 408 Request Timeout\r\n"));
}

TEST_P(WebServerLimits, ABodyThatDripsInIs408AfterItsWindow) {
  raw_client& client = connect_client();
  client.write("POST /hello HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n");
  const int seconds = drip(client, std::string(100, 'x'), [this](duration d) { pass(d); });
  EXPECT_LE(seconds, 12);
  EXPECT_THAT(client.received(), StartsWith("HTTP/1.1 408 Request Timeout\r\n"));
}

TEST_P(WebServerLimits, ABodyThatArrivesSteadilyMayTakeItsTime) {
  raw_client& client = connect_client();
  client.write("POST /hello HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n");
  for (int i = 0; i < 100; ++i) {
    client.write(std::string(1000, 'x'));
    pass(1s);
  }
  EXPECT_TRUE(client.has("\r\n\r\n100000"));
}

TEST_P(WebServerLimits, AnIdleConnectionIsClosedAfterItsTime) {
  raw_client& client = connect_client();
  for (int i = 0; i < 3; ++i) {
    client.write(whole_request);
    pass(50s);
    EXPECT_FALSE(client.ended());
  }
  pass(11s);
  EXPECT_TRUE(client.ended());
  EXPECT_EQ(client.count("HTTP/1.1 200 OK"), 3U);
  EXPECT_EQ(site().statistics().requests_refused, 0U);
}

TEST_P(WebServerLimits, AHandlerMayTakeAsLongAsItLikes) {
  promise<response> underway;
  site().get("/later", [&](request) { return underway.get_deferred(); });
  raw_client& client = connect_client();
  client.write("GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
  pass(std::chrono::hours(1));
  EXPECT_FALSE(client.ended());
  underway.callback(response::text("at last"));
  until_has(client, "at last");
}

TEST_P(WebServerLimits, APeerThatTakesNothingIsDropped) {
  site().get("/large", [](request) { return response::text(std::string(4 * 1024 * 1024, 'x')); });
  raw_client& client = connect_client();
  client.connection().pause_producing();
  client.write("GET /large HTTP/1.1\r\nHost: a\r\n\r\n");
  pass(29s);
  EXPECT_EQ(site().statistics().connections_open, 1U);
  pass(35s);
  EXPECT_EQ(site().statistics().connections_open, 0U);
  EXPECT_TRUE(logged("takes nothing of its response"));
}

TEST_P(WebServerLimits, APeerThatTakesLittleIsNotDropped) {
  site().get("/large", [](request) { return response::text(std::string(4 * 1024 * 1024, 'x')); });
  raw_client& client = connect_client();
  client.write("GET /large HTTP/1.1\r\nHost: a\r\n\r\n");
  client.connection().pause_producing();
  for (int i = 0; i < 20; ++i) {
    pass(20s);
    client.connection().resume_producing();
    loop().turn(loop().now());
    loop().turn(loop().now());
    client.connection().pause_producing();
  }
  EXPECT_EQ(site().statistics().connections_open, 1U);
  client.connection().resume_producing();
  until([&] { return client.received_bytes() > 4U * 1024 * 1024; }, "the whole response");
}

TEST_P(WebServerLimits, SilentSubscribersGetAHeartbeat) {
  event_stream stream;
  site().get("/events", [&](request) { return response::events(stream); });
  raw_client& client = connect_client();
  client.write("GET /events HTTP/1.1\r\nHost: a\r\n\r\n");
  pass(14s);
  EXPECT_EQ(client.count(": still here\n\n"), 0U);
  pass(2s);
  EXPECT_EQ(client.count(": still here\n\n"), 1U);
  pass(150s);
  EXPECT_EQ(client.count(": still here\n\n"), 11U);
  EXPECT_TRUE(stream.open());
}

TEST_P(WebServerLimits, StopAbortsWhatTakesLongerThanItsTime) {
  promise<response> underway;
  site().get("/later", [&](request) { return underway.get_deferred(); });
  raw_client& client = connect_client();
  client.write("GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
  settle();
  deferred<void> stopped = site().stop();
  pass(9s);
  EXPECT_FALSE(stopped.ready());
  pass(2s);
  EXPECT_TRUE(client.lost());
  EXPECT_TRUE(stopped.ready());
}

TEST_P(WebServerLimits, SlowClientsHoldNobodyUp) {
  std::vector<raw_client*> slow;
  for (int i = 0; i < 200; ++i) {
    slow.push_back(&connect_client());
    slow.back()->write("GET /he");
  }
  raw_client& quick = connect_client();
  for (int i = 0; i < 5; ++i) {
    const time_point before = loop().now();
    quick.write(whole_request);
    until([&] { return quick.count("200 OK") == static_cast<std::size_t>(i) + 1; }, "the quick client is answered");
    EXPECT_LT(loop().now() - before, 1s);
    for (raw_client* each : slow) {
      each->write("l");
    }
    pass(1s);
  }
  pass(10s);
  EXPECT_EQ(site().statistics().connections_open, 1U);
}

}  // namespace
}  // namespace whorl::web
