#include "web/server_under_test.h"

namespace whorl::web {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::StartsWith;

class WebServer : public server_test {};
INSTANTIATE_TEST_SUITE_P(On, WebServer, testing::ValuesIn(loop_kinds()), kind_name);

std::string get(std::string_view path) { return "GET " + std::string(path) + " HTTP/1.1\r\nHost: a\r\n\r\n"; }
std::string last_get(std::string_view path) {
  return "GET " + std::string(path) + " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
}

response hello(const request& asked) { return response::text("hello, " + asked.parameter("name")); }

TEST_P(WebServer, AnswersARequestAndKeepsTheConnectionForTheNext) {
  site().get("/hello/{name}", hello);
  raw_client& client = connect_client();
  client.write(get("/hello/a"));
  until_has(client, "hello, a");
  EXPECT_EQ(client.received(),
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 8\r\n\r\nhello, a");
  client.write(get("/hello/b"));
  until_has(client, "hello, b");
  EXPECT_FALSE(client.ended());
  EXPECT_EQ(site().statistics().requests, 2U);
}

TEST_P(WebServer, ClosesWhenTheClientAsksForIt) {
  site().get("/hello/{name}", hello);
  EXPECT_THAT(answer_to(last_get("/hello/a")), HasSubstr("\r\nConnection: close\r\n\r\nhello, a"));
}

TEST_P(WebServer, DecodesParametersAndQueries) {
  site().get("/a/{one}/b/{two}", [](request r) {
    return response::text(r.parameter("one") + "|" + r.parameter("two") + "|" +
                          std::string(r.query("q").value_or("none")) + "|" +
                          std::string(r.query("missing").value_or("none")));
  });
  EXPECT_THAT(answer_to(last_get("/a/x%2Fy/b/1+1?q=%C3%A4+b&q=second&empty")),
              HasSubstr("\r\n\r\nx/y|1+1|\xc3\xa4 b|none"));
  EXPECT_THAT(answer_to(last_get("/a/%zz/b/c")), StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(answer_to(last_get("/a/x/b/%00")), StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(answer_to(last_get("/a/x/b/y?q=%4")), StartsWith("HTTP/1.1 400 "));
}

TEST_P(WebServer, LiteralSegmentsGoBeforeParameters) {
  site().get("/jobs/{id}", [](request) { return response::text("by id"); });
  site().get("/jobs/new", [](request) { return response::text("new"); });
  EXPECT_THAT(answer_to(last_get("/jobs/new")), HasSubstr("\r\n\r\nnew"));
  EXPECT_THAT(answer_to(last_get("/jobs/7")), HasSubstr("\r\n\r\nby id"));
}

TEST_P(WebServer, WhatIsNotThereIs404AndWhatCannotBeDoneIs405) {
  site().get("/jobs/{id}", [](request) { return response::text(""); });
  site().route("DELETE", "/jobs/{id}", [](request) { return response(204); });
  EXPECT_THAT(answer_to(last_get("/job")), StartsWith("HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\n"));
  EXPECT_THAT(answer_to(last_get("/jobs/")), StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(answer_to(last_get("/jobs/1/2")), StartsWith("HTTP/1.1 404 "));
  const std::string refused = answer_to("POST /jobs/1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(refused, StartsWith("HTTP/1.1 405 Method Not Allowed\r\n"));
  EXPECT_THAT(refused, HasSubstr("\r\nAllow: DELETE, GET, HEAD\r\n"));
  const std::string deleted = answer_to("DELETE /jobs/1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(deleted, "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
}

TEST_P(WebServer, HeadIsGetWithoutTheBody) {
  site().get("/hello/{name}", hello);
  EXPECT_EQ(
      answer_to("HEAD /hello/a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"),
      "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 8\r\nConnection: close\r\n\r\n");
}

TEST_P(WebServer, BodiesOfEitherFramingReachTheHandler) {
  site().post("/echo", [](request r) { return response::of("x/y", std::move(r).body()); });
  raw_client& client = connect_client();
  client.write("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nfirst");
  until_has(client, "\r\n\r\nfirst");
  client.write("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nseco\r\n");
  settle();
  client.write("2\r\nnd\r\n0\r\n\r\n");
  until_has(client, "\r\n\r\nsecond");
}

TEST_P(WebServer, TellsAWaitingClientToContinue) {
  site().post("/echo", [](request r) { return response::text(std::move(r).body()); });
  raw_client& client = connect_client();
  client.write("POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
  until_has(client, "HTTP/1.1 100 Continue\r\n\r\n");
  client.write("body");
  until_has(client, "\r\n\r\nbody");
}

// A network may cut what was sent at once between head and body, but not each time.
TEST_P(WebServer, DoesNotTellAClientToContinueThatDoesNotWait) {
  site().post("/echo", [](request r) { return response::text(std::move(r).body()); });
  constexpr int clients = 10;
  int told = 0;
  for (int i = 0; i < clients; ++i) {
    raw_client& client = connect_client();
    client.write("POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\nbody");
    until_has(client, "\r\n\r\nbody");
    told += client.has("100 Continue") ? 1 : 0;
  }
  EXPECT_LT(told, clients);
}

TEST_P(WebServer, OldClientsAreAnsweredWithoutChunksAndClosed) {
  site().get("/pieces", [](request) {
    return response::pulled("text/plain", [left = 2]() mutable {
      return succeed(left-- > 0 ? std::optional<std::string>("piece") : std::nullopt);
    });
  });
  EXPECT_EQ(answer_to("GET /pieces HTTP/1.0\r\n\r\n"),
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\npiecepiece");
}

TEST_P(WebServer, RefusedRequestsAreClosedAndNothingAfterThemIsHandled) {
  int handled = 0;
  site().post("/", [&](request) {
    ++handled;
    return response::text("");
  });
  const std::string answer = answer_to(
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 400 Bad Request\r\n"));
  EXPECT_THAT(answer, HasSubstr("Connection: close\r\n"));
  EXPECT_EQ(handled, 0);
  EXPECT_EQ(site().statistics().requests_refused, 1U);
}

TEST_P(WebServer, LimitsOnHeadAndBodyAreAnswered) {
  server_options options;
  options.limits.body_bytes = 10;
  options.limits.head_bytes = 200;
  options.limits.target_bytes = 50;
  start(std::move(options));
  EXPECT_THAT(answer_to("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n"), StartsWith("HTTP/1.1 413 "));
  EXPECT_THAT(answer_to(get("/" + std::string(60, 'x'))), StartsWith("HTTP/1.1 414 "));
  EXPECT_THAT(answer_to("GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(300, 'x')), StartsWith("HTTP/1.1 431 "));
}

TEST_P(WebServer, AFailingHandlerIs500AndItsFailureIsLoggedAndNotSent) {
  site().get("/throws", [](request) -> response { throw std::runtime_error("secret path"); });
  site().get("/fails", [](request) { return fail<response>(error(errc::not_found, "secret file")); });
  site().get("/injects", [](request) { return response::text("x").with_header("X", "a\r\nSet-Cookie: b"); });
  raw_client& client = connect_client();
  for (const std::string_view path : {"/throws", "/fails", "/injects"}) {
    client.write(get(path));
  }
  until([&] { return client.count("HTTP/1.1 500 ") == 3; }, "three answers of 500");
  EXPECT_FALSE(client.has("secret"));
  EXPECT_FALSE(client.has("Set-Cookie"));
  EXPECT_TRUE(logged("secret path"));
  EXPECT_TRUE(logged("secret file"));
  EXPECT_FALSE(client.ended());
  EXPECT_EQ(site().statistics().handlers_failed, 3U);
}

TEST_P(WebServer, AGateAnswersInPlaceOfTheRoute) {
  site().get("/hello/{name}", hello).check([](const request& r) -> std::optional<response> {
    if (r.host() == "localhost") return std::nullopt;
    return response::json_error(421, "this server is not " + std::string(r.host()));
  });
  EXPECT_THAT(answer_to(last_get("/hello/a")), StartsWith("HTTP/1.1 421 "));
  EXPECT_THAT(answer_to("GET /hello/a HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"),
              HasSubstr("hello, a"));
}

TEST_P(WebServer, RoutesThatCannotBeAreMisuse) {
  site().get("/a/{x}", hello);
  EXPECT_THROW(site().get("a", hello), misuse);
  EXPECT_THROW(site().get("/a/{x}", hello), misuse);
  EXPECT_THROW(site().post("/a/{y}", hello), misuse);
}

TEST_P(WebServer, S125_PipelinedRequestsAreAnsweredInOrderAndOneAtATime) {
  std::vector<promise<response>> underway;
  site().get("/later", [&](request) {
    underway.emplace_back();
    return underway.back().get_deferred();
  });
  site().get("/hello/{name}", hello);
  raw_client& client = connect_client();
  client.write(get("/later") + get("/hello/b") + get("/later") + get("/hello/d"));
  until([&] { return underway.size() == 1; }, "the first request is handled");
  settle();
  EXPECT_EQ(client.received(), "");
  underway[0].callback(response::text("first"));
  until([&] { return underway.size() == 2; }, "the third request is handled");
  until_has(client, "hello, b");
  EXPECT_FALSE(client.has("hello, d"));
  underway[1].callback(response::text("third"));
  until_has(client, "hello, d");
  EXPECT_LT(client.received().find("first"), client.received().find("hello, b"));
  EXPECT_LT(client.received().find("hello, b"), client.received().find("third"));
}

TEST_P(WebServer, S125_WhatIsSentAheadWhileARequestRunsIsNotRead) {
  promise<response> underway;
  site().get("/later", [&](request) { return underway.get_deferred(); });
  site().get("/hello/{name}", hello);
  raw_client& client = connect_client();
  client.write(get("/later"));
  std::string ahead;
  while (ahead.size() < 20U * 1024 * 1024) {
    ahead += get("/hello/" + std::string(4000, 'x'));
  }
  client.connection().write(std::move(ahead));
  settle();
  pass(50ms);
  EXPECT_GT(client.connection().unsent_bytes(), 1024U * 1024);
  underway.callback(response::text("first"));
  const std::size_t unsent = client.connection().unsent_bytes();
  until([&] { return client.connection().unsent_bytes() + 1024UL * 1024 < unsent; }, "the server reads on");
}

TEST_P(WebServer, S125_APeerThatBreaksOffCancelsItsHandler) {
  bool cancelled = false;
  std::optional<promise<response>> underway(std::in_place, [&] { cancelled = true; });
  site().get("/later", [&](request) { return underway->get_deferred(); });
  raw_client& client = connect_client();
  client.write(get("/later"));
  until([&] { return site().statistics().requests == 1; }, "the request is handled");
  client.connection().abort_connection();
  until([&] { return cancelled; }, "the handler is cancelled");
  until([&] { return site().statistics().connections_open == 0; }, "the connection is gone");
  EXPECT_EQ(site().statistics().peers_left, 1U);
}

TEST_P(WebServer, S125_APeerThatEndsItsSideCancelsItsHandlerAndStillGetsAnAnswer) {
  std::optional<promise<response>> underway(
      std::in_place, [](promise<response>& asked) { asked.callback(response::text("cut short")); });
  site().get("/later", [&](request) { return underway->get_deferred(); });
  raw_client& client = connect_client(half_open::goes_on);
  client.write(get("/later"));
  until([&] { return site().statistics().requests == 1; }, "the request is handled");
  client.connection().lose_write_connection();
  until_has(client, "cut short");
  until_ended(client);
}

// A handler that does not heed its cancellation.
deferred<response> finish_all_the_same(deferred<void> work) {
  auto first = co_await std::move(work).result();
  co_return response::text(first ? "done" : "cancelled");
}

TEST_P(WebServer, AHandlerMayFinishAfterItsPeerHasLeft) {
  promise<void> underway;
  site().get("/later", [&](request) { return finish_all_the_same(underway.get_deferred()); });
  raw_client& client = connect_client();
  client.write(get("/later"));
  until([&] { return site().statistics().requests == 1; }, "the request is handled");
  client.connection().abort_connection();
  until([&] { return site().statistics().connections_open == 0; }, "the connection is gone");
  raw_client& other = connect_client();
  site().get("/hello/{name}", hello);
  other.write(get("/hello/a"));
  until_has(other, "hello, a");
}

TEST_P(WebServer, PipelinedRequestsBeforeTheEndOfThePeersSideAreAllAnswered) {
  site().get("/hello/{name}", hello);
  raw_client& client = connect_client(half_open::goes_on);
  client.write(get("/hello/a") + get("/hello/b"));
  client.connection().lose_write_connection();
  until_has(client, "hello, b");
  until_ended(client);
}

TEST_P(WebServer, VanishingInTheMiddleOfARequestLeavesNothingBehind) {
  for (const std::string_view part :
       {"GE", "GET / HTTP/1.1\r\nHo", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc"}) {
    raw_client& client = connect_client();
    client.write(part);
    settle();
    client.connection().abort_connection();
    until([&] { return client.lost(); }, "the client's side is gone");
  }
  until([&] { return site().statistics().connections_open == 0; }, "the server's side is gone");
}

TEST_P(WebServer, BeyondItsConnectionsANewOneIsAnswered503) {
  server_options options;
  options.connections = 1;
  start(std::move(options));
  site().get("/hello/{name}", hello);
  raw_client& first = connect_client();
  until([&] { return site().statistics().connections_open == 1; }, "the first is accepted");
  raw_client& second = connect_client();
  until_ended(second);
  EXPECT_THAT(second.received(), StartsWith("HTTP/1.1 503 Service Unavailable\r\n"));
  first.write(get("/hello/a"));
  until_has(first, "hello, a");
  EXPECT_EQ(site().statistics().connections_refused, 1U);
}

TEST_P(WebServer, StopClosesIdleConnectionsAndWaitsForRunningRequests) {
  promise<response> underway;
  site().get("/later", [&](request) { return underway.get_deferred(); });
  raw_client& idle = connect_client();
  raw_client& busy = connect_client();
  busy.write(get("/later"));
  until([&] { return site().statistics().requests == 1; }, "the request is handled");
  deferred<void> stopped = site().stop();
  until_ended(idle);
  EXPECT_FALSE(stopped.ready());
  EXPECT_FALSE(busy.ended());
  underway.callback(response::text("done"));
  until_ended(busy);
  EXPECT_THAT(busy.received(), HasSubstr("Connection: close\r\n\r\ndone"));
  until([&] { return stopped.ready(); }, "the server has stopped");
}

TEST_P(WebServer, DestroyingAServerDropsHandlersAndAbortsConnections) {
  struct notes_death {
    explicit notes_death(bool& to) : dead(to) {}
    ~notes_death() { dead = true; }
    bool& dead;
  };
  bool dead = false;
  auto alive = std::make_shared<notes_death>(dead);
  promise<response> underway([alive] {});
  alive.reset();
  site().get("/later", [&](request) { return underway.get_deferred(); });
  raw_client& client = connect_client();
  client.write(get("/later"));
  until([&] { return site().statistics().requests == 1; }, "the request is handled");
  end_server();
  until([&] { return client.lost(); }, "the client is aborted");
  EXPECT_TRUE(dead);
}

constexpr embedded_file embedded[] = {
    {"index.html", "text/html; charset=utf-8", "\"tag1\"", "<h1>hi</h1>"},
    {"icons/logo.svg", "image/svg+xml", "\"tag2\"", "<svg/>"},
};

TEST_P(WebServer, ServesEmbeddedFilesWithTagsAndPageSecurity) {
  site().files("/", embedded);
  const std::string page = answer_to(last_get("/"));
  EXPECT_THAT(page, HasSubstr("\r\n\r\n<h1>hi</h1>"));
  EXPECT_THAT(page, HasSubstr("ETag: \"tag1\"\r\n"));
  EXPECT_THAT(page, HasSubstr("Content-Security-Policy: default-src 'self'"));
  EXPECT_THAT(page, HasSubstr("X-Content-Type-Options: nosniff\r\n"));
  EXPECT_THAT(answer_to(last_get("/icons/logo.svg")), HasSubstr("Content-Type: image/svg+xml\r\n"));
  const std::string unchanged =
      answer_to("GET /index.html HTTP/1.1\r\nHost: a\r\nIf-None-Match: \"x\", \"tag1\"\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(unchanged, StartsWith("HTTP/1.1 304 Not Modified\r\n"));
  EXPECT_TRUE(unchanged.ends_with("\r\n\r\n"));
}

}  // namespace
}  // namespace whorl::web
