#include <whorl/web/client.h>

#include "web/server_under_test.h"
#include "web/url.h"

namespace whorl::web {
namespace {

using namespace std::chrono_literals;

class WebClient : public server_test {
 protected:
  // A loop may cut what arrives anywhere.
  std::string read_bytes(open_response& from, std::size_t bytes) {
    std::string all;
    while (all.size() < bytes) {
      const auto piece = result_of(from.read());
      if (!piece || piece->empty()) break;
      all += *piece;
    }
    return all;
  }
};
INSTANTIATE_TEST_SUITE_P(On, WebClient, testing::ValuesIn(loop_kinds()), kind_name);

TEST_P(WebClient, FetchesAWholeResponse) {
  site().post("/echo", [](request r) {
    return response::text(std::string(r.header("X-A")) + ":" + r.body()).with_header("X-B", "c").with_status(202);
  });
  client_request asked;
  asked.method = "POST";
  asked.headers.add("X-A", "b");
  asked.body = std::string(300'000, 'x');
  const auto answer = result_of(fetch(loop(), url("/echo"), std::move(asked)));
  ASSERT_TRUE(answer) << answer.error().describe();
  EXPECT_EQ(answer->status, 202);
  EXPECT_EQ(answer->headers.find("x-b"), "c");
  EXPECT_EQ(answer->body, "b:" + std::string(300'000, 'x'));
}

TEST_P(WebClient, UndoesChunks) {
  site().get("/pieces", [](request) {
    return response::pulled("text/plain", [left = 3]() mutable {
      return succeed(left-- > 0 ? std::optional<std::string>("abc") : std::nullopt);
    });
  });
  const auto answer = result_of(fetch(loop(), url("/pieces")));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->body, "abcabcabc");
}

TEST_P(WebClient, HeadHasNoBody) {
  site().get("/hello", [](request) { return response::text("hello"); });
  client_request asked;
  asked.method = "HEAD";
  const auto answer = result_of(fetch(loop(), url("/hello"), std::move(asked)));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->headers.find("Content-Length"), "5");
  EXPECT_EQ(answer->body, "");
}

TEST_P(WebClient, AnErrorStatusIsNoFailure) {
  const auto answer = result_of(fetch(loop(), url("/nothing")));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 404);
}

TEST_P(WebClient, S124_ReadsABodyInPiecesAsTheyCome) {
  event_stream stream;
  site().get("/events", [&](request) { return response::events(stream); });
  auto opened = result_of(open(loop(), url("/events")));
  ASSERT_TRUE(opened);
  EXPECT_EQ(opened->status(), 200);
  EXPECT_EQ(opened->headers().find("Content-Type"), "text/event-stream");
  stream.push(event("one"));
  EXPECT_EQ(read_bytes(*opened, 11), "data: one\n\n");
  deferred<std::string> second = opened->read();
  settle();
  EXPECT_FALSE(second.ready());
  stream.push(event("two"));
  const std::string begin = *result_of(std::move(second));
  EXPECT_EQ(begin + read_bytes(*opened, 11 - begin.size()), "data: two\n\n");
  stream.close();
  EXPECT_EQ(*result_of(opened->read()), "");
  EXPECT_EQ(*result_of(opened->read()), "");
}

TEST_P(WebClient, DroppingAnOpenResponseEndsTheStream) {
  event_stream stream;
  site().get("/events", [&](request) { return response::events(stream); });
  {
    auto opened = result_of(open(loop(), url("/events")));
    ASSERT_TRUE(opened);
    EXPECT_TRUE(stream.open());
  }
  until([&] { return !stream.open(); }, "the server's side ends");
}

TEST_P(WebClient, S124_ATruncatedBodyIsAFailure) {
  site().get("/broken", [](request) {
    return response::pulled("text/plain", [left = 1]() mutable {
      return left-- > 0 ? succeed(std::optional<std::string>("abc"))
                        : fail<std::optional<std::string>>(error(errc::not_found, "gone"));
    });
  });
  const auto answer = result_of(fetch(loop(), url("/broken")));
  ASSERT_FALSE(answer);
  EXPECT_TRUE(answer.error().check(errc::connection_lost)) << answer.error().describe();
}

TEST_P(WebClient, ABodyBeyondTheLimitIsTooLarge) {
  site().get("/large", [](request) { return response::text(std::string(100'000, 'x')); });
  client_request asked;
  asked.body_limit_bytes = 50'000;
  const auto answer = result_of(fetch(loop(), url("/large"), std::move(asked)));
  ASSERT_FALSE(answer);
  EXPECT_TRUE(answer.error().check(errc::too_large));
}

TEST_P(WebClient, S124_CancellingBeforeTheResponseAbortsTheConnection) {
  promise<response> underway;
  site().get("/later", [&](request) { return underway.get_deferred(); });
  deferred<client_response> answer = fetch(loop(), url("/later"));
  until([&] { return site().statistics().requests == 1; }, "the request is handled");
  answer.cancel();
  const auto failed = result_of(std::move(answer));
  ASSERT_FALSE(failed);
  EXPECT_TRUE(failed.error().check(errc::cancelled));
  until([&] { return site().statistics().connections_open == 0; }, "the connection is gone");
}

TEST_P(WebClient, AnAnswerThatComesBeforeTheRequestIsSentIsRead) {
  const auto big = [] {
    client_request asked;
    asked.method = "POST";
    asked.body = std::string(20'000'000, 'x');
    return asked;
  };
  const auto answer = result_of(fetch(loop(), url("/"), big()));
  ASSERT_TRUE(answer) << answer.error().describe();
  EXPECT_EQ(answer->status, 413);
}

class WebClientLimits : public server_test {};
INSTANTIATE_TEST_SUITE_P(On, WebClientLimits, testing::ValuesIn(virtual_time()), kind_name);

TEST_P(WebClientLimits, AnAnswerThatDoesNotComeInTimeIsTimedOut) {
  promise<response> underway;
  site().get("/later", [&](request) { return underway.get_deferred(); });
  deferred<client_response> answer = fetch(loop(), url("/later"));
  pass(29s);
  EXPECT_FALSE(answer.ready());
  pass(2s);
  const auto failed = result_of(std::move(answer));
  ASSERT_FALSE(failed);
  EXPECT_TRUE(failed.error().check(errc::timed_out));
}

TEST(Url, SaysWhereItLeads) {
  const auto plain = parse_url("http://127.0.0.1:8080/jobs?state=running#top");
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->endpoint, "tcp:127.0.0.1:8080");
  EXPECT_EQ(plain->host, "127.0.0.1:8080");
  EXPECT_EQ(plain->target, "/jobs?state=running");
  EXPECT_EQ(parse_url("http://localhost")->endpoint, "tcp:localhost:80");
  EXPECT_EQ(parse_url("http://localhost")->target, "/");
  EXPECT_EQ(parse_url("http://[::1]:81?x")->endpoint, "tcp:[::1]:81");
  EXPECT_EQ(parse_url("http://[::1]:81?x")->target, "/?x");
  EXPECT_EQ(parse_url("http://[::1]/")->endpoint, "tcp:[::1]:80");
  EXPECT_EQ(parse_url("http+unix:/run/x.sock:/path")->endpoint, "unix:/run/x.sock");
  EXPECT_EQ(parse_url("http+unix:/run/x.sock:/path")->target, "/path");
  EXPECT_EQ(parse_url("http+unix:/run/x.sock")->target, "/");
}

TEST(Url, S124_WhatCouldInjectIsBadInput) {
  for (const std::string_view bad : {"http://a/\r\nX: y", "http://a/b c", "http:///x", "https://a/", "ftp://a/", "a/b",
                                     "http://user@a/", "http://a/\xc3\xa4"}) {
    EXPECT_FALSE(parse_url(bad)) << bad;
  }
}

}  // namespace
}  // namespace whorl::web
