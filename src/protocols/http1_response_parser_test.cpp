#include <whorl/protocols/http1_parser.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace whorl::http {
namespace {

enum class then { stays_open, ends };

std::string transcript(const std::vector<std::string_view>& pieces, then connection, answer_to asked) {
  response_parser parser(asked);
  std::string said;
  std::string body;
  const auto note = [&](parsed event) {
    if (event == parsed::body) {
      body.append(parser.body());
      return;
    }
    if (!body.empty() && event != parsed::needs_more) {
      said += "BODY " + std::exchange(body, "") + "\n";
    }
    if (event == parsed::head) {
      said += "HEAD " + std::to_string(parser.head().status) + (parser.head().keep_alive ? "" : " close") + "\n";
    } else if (event == parsed::end) {
      said += "END\n";
    } else if (event == parsed::refused) {
      said += "REFUSED\n";
    }
  };
  for (std::string_view piece : pieces) {
    parsed event = parsed::head;
    while (event != parsed::needs_more) {
      event = parser.advance(piece);
      note(event);
      if (event == parsed::refused) {
        return said;
      }
    }
  }
  if (connection == then::ends) {
    note(parser.finish());
  }
  return said;
}

std::string transcript_any_cut(std::string_view input, then connection = then::stays_open,
                               answer_to asked = answer_to::other_request) {
  const std::string whole = transcript({input}, connection, asked);
  for (std::size_t cut = 1; cut < input.size(); ++cut) {
    EXPECT_EQ(transcript({input.substr(0, cut), input.substr(cut)}, connection, asked), whole) << "cut at " << cut;
  }
  return whole;
}

TEST(ResponseParser, ReadsBodiesOfKnownLengthAndOfChunks) {
  EXPECT_EQ(transcript_any_cut("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"), "HEAD 200\nBODY hello\nEND\n");
  EXPECT_EQ(transcript_any_cut(
                "HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"),
            "HEAD 404\nBODY abcde\nEND\n");
}

TEST(ResponseParser, S124_ABodyWithoutLengthEndsWithTheConnection) {
  EXPECT_EQ(transcript_any_cut("HTTP/1.1 200 OK\r\n\r\nhello", then::ends), "HEAD 200 close\nBODY hello\nEND\n");
  EXPECT_EQ(transcript_any_cut("HTTP/1.1 200 OK\r\n\r\nhello", then::stays_open), "HEAD 200 close\n");
}

TEST(ResponseParser, S124_ATruncatedBodyIsNoEnd) {
  EXPECT_EQ(transcript_any_cut("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello", then::ends),
            "HEAD 200\nBODY hello\nREFUSED\n");
  EXPECT_EQ(transcript_any_cut("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", then::ends),
            "HEAD 200\nBODY hello\nREFUSED\n");
  EXPECT_EQ(transcript_any_cut("HTTP/1.1 20", then::ends), "REFUSED\n");
}

TEST(ResponseParser, InterimResponsesAreSkipped) {
  EXPECT_EQ(transcript_any_cut("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"),
            "HEAD 202\nEND\n");
}

TEST(ResponseParser, AnswersToHeadAndThoseWithoutBodyEndWithTheHead) {
  EXPECT_EQ(
      transcript_any_cut("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n", then::stays_open, answer_to::head_request),
      "HEAD 200\nEND\n");
  EXPECT_EQ(transcript_any_cut("HTTP/1.1 304 Not Modified\r\n\r\n"), "HEAD 304\nEND\n");
}

TEST(ResponseParser, S124_ConflictingLengthsAreRefused) {
  EXPECT_EQ(transcript_any_cut("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello"), "REFUSED\n");
  EXPECT_EQ(transcript_any_cut("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
            "REFUSED\n");
}

}  // namespace
}  // namespace whorl::http
