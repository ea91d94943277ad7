#include <whorl/deferred/error.h>
#include <whorl/protocols/http1_parser.h>
#include <whorl/protocols/http1_writer.h>

#include <chrono>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace whorl::http {
namespace {

TEST(Headers, AreFoundInAnyCaseOfLettersAndKeepTheirOrder) {
  headers fields;
  fields.add("Content-Type", "text/plain");
  fields.add("X-A", "1");
  fields.add("x-a", "2");
  EXPECT_EQ(fields.find("content-TYPE"), "text/plain");
  EXPECT_EQ(fields.find("X-a"), "1");
  EXPECT_EQ(fields.count("x-A"), 2U);
  EXPECT_EQ(fields.find("X-B"), std::nullopt);
  EXPECT_EQ(fields[2].name, "x-a");
}

TEST(Headers, SetReplacesEveryFieldOfTheName) {
  headers fields;
  fields.add("A", "1");
  fields.add("B", "2");
  fields.add("a", "3");
  fields.set("A", "4");
  EXPECT_EQ(fields.count("A"), 1U);
  EXPECT_EQ(fields.find("A"), "4");
  EXPECT_EQ(fields.find("B"), "2");
}

TEST(Headers, MembersOfListsAreFoundAcrossFields) {
  headers fields;
  fields.add("Connection", "keep-alive ,, upgrade");
  fields.add("Connection", "Close");
  EXPECT_TRUE(fields.has_member("connection", "close"));
  EXPECT_TRUE(fields.has_member("connection", "Upgrade"));
  EXPECT_FALSE(fields.has_member("connection", "clos"));
}

TEST(Headers, InjectionIsMisuse) {
  headers fields;
  EXPECT_THROW(fields.add("A", "x\r\nSet-Cookie: y"), misuse);
  EXPECT_THROW(fields.add("A", "x\ny"), misuse);
  EXPECT_THROW(fields.add("A", std::string_view("x\0y", 3)), misuse);
  EXPECT_THROW(fields.add("A", " x"), misuse);
  EXPECT_THROW(fields.add("A:", "x"), misuse);
  EXPECT_THROW(fields.add("A B", "x"), misuse);
  EXPECT_THROW(fields.add("", "x"), misuse);
  EXPECT_THROW(fields.set("A", "x\r"), misuse);
  EXPECT_FALSE(fields.try_add("A", "x\r\n"));
  EXPECT_TRUE(fields.empty());
}

TEST(Writer, S124_MethodAndTargetInjectionIsMisuse) {
  std::string out;
  EXPECT_THROW(append_request_head(out, "GET / HTTP/1.1\r\nX:", "/", {}), misuse);
  EXPECT_THROW(append_request_head(out, "", "/", {}), misuse);
  EXPECT_THROW(append_request_head(out, "GET", "/a b", {}), misuse);
  EXPECT_THROW(append_request_head(out, "GET", "/\r\nX: y", {}), misuse);
  EXPECT_THROW(append_request_head(out, "GET", "", {}), misuse);
  EXPECT_EQ(out, "");
}

TEST(Writer, WhatIsWrittenIsReadBack) {
  headers fields;
  fields.add("Host", "a");
  fields.add("Transfer-Encoding", "chunked");
  std::string out;
  append_request_head(out, "POST", "/x?y=z", fields);
  append_chunk(out, std::string(300, 'a'));
  append_chunk(out, "");
  append_chunk(out, "b");
  out.append(last_chunk);
  request_parser parser{message_limits()};
  std::string_view input = out;
  ASSERT_EQ(parser.advance(input), parsed::head);
  EXPECT_EQ(parser.head().target, "/x?y=z");
  std::string body;
  parsed event = parser.advance(input);
  for (; event == parsed::body; event = parser.advance(input)) {
    body.append(parser.body());
  }
  EXPECT_EQ(event, parsed::end);
  EXPECT_EQ(body, std::string(300, 'a') + "b");
  EXPECT_TRUE(input.empty());
}

TEST(Writer, ResponseHeadHasAReasonAndADate) {
  headers fields;
  fields.add("Content-Length", "0");
  std::string out;
  append_response_head(out, 404, fields);
  EXPECT_TRUE(out.starts_with("HTTP/1.1 404 Not Found\r\nDate: ")) << out;
  EXPECT_TRUE(out.ends_with(" GMT\r\nContent-Length: 0\r\n\r\n")) << out;
  EXPECT_EQ(reason_phrase(599), "Unknown");
}

TEST(Writer, DatesAreWrittenAsHttpWantsThem) {
  using std::chrono::system_clock;
  EXPECT_EQ(date(system_clock::from_time_t(784111777)), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(date(system_clock::from_time_t(784111778)), "Sun, 06 Nov 1994 08:49:38 GMT");
  EXPECT_EQ(date(system_clock::from_time_t(951782400)), "Tue, 29 Feb 2000 00:00:00 GMT");
}

}  // namespace
}  // namespace whorl::http
