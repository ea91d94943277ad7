#include <whorl/protocols/http1_parser.h>

#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace whorl::http {
namespace {

std::string describe(const request_head& head) {
  std::string text = "HEAD " + std::string(head.method) + " " + head.target;
  for (std::size_t i = 0; i < head.fields.size(); ++i) {
    text += " [" + std::string(head.fields[i].name) + "=" + std::string(head.fields[i].value) + "]";
  }
  text += head.keep_alive ? "" : " close";
  text += head.expects_continue ? " expects" : "";
  return text + "\n";
}

// Everything that a parser says about some input, given in pieces; adjacent pieces of a body are joined.
std::string transcript(const std::vector<std::string_view>& pieces, const message_limits& limits = message_limits()) {
  request_parser parser(limits);
  std::string said;
  std::string body;
  for (std::string_view piece : pieces) {
    while (true) {
      const parsed event = parser.advance(piece);
      if (event == parsed::body) {
        body.append(parser.body());
        continue;
      }
      if (!body.empty() && event != parsed::needs_more) {
        said += "BODY " + std::exchange(body, "") + "\n";
      }
      if (event == parsed::head) {
        said += describe(parser.head());
      } else if (event == parsed::end) {
        said += "END\n";
      } else if (event == parsed::refused) {
        return said + "REFUSED " + std::to_string(parser.refused().status) + "\n";
      } else {
        EXPECT_TRUE(piece.empty());
        break;
      }
    }
  }
  return said + (parser.between_messages() ? "" : "UNFINISHED\n");
}

std::string transcript_bytewise(std::string_view input, const message_limits& limits = message_limits()) {
  std::vector<std::string_view> bytes;
  for (std::size_t i = 0; i < input.size(); ++i) {
    bytes.push_back(input.substr(i, 1));
  }
  return transcript(bytes, limits);
}

// The same said of every way to cut the input in two, and of single bytes.
std::string transcript_any_cut(std::string_view input, const message_limits& limits = message_limits()) {
  const std::string whole = transcript({input}, limits);
  for (std::size_t cut = 1; cut < input.size(); ++cut) {
    EXPECT_EQ(transcript({input.substr(0, cut), input.substr(cut)}, limits), whole) << "cut at " << cut;
  }
  EXPECT_EQ(transcript_bytewise(input, limits), whole);
  return whole;
}

TEST(RequestParser, S121_AnyCutOfTheInputGivesTheSameEvents) {
  EXPECT_EQ(transcript_any_cut(
                "GET /jobs?state=running HTTP/1.1\r\nHost: localhost:8080\r\nX-Empty:\r\nAccept: \t */* \r\n\r\n"
                "POST /jobs HTTP/1.1\r\nhost: a\r\nContent-Length: 12\r\n\r\nhello\r\n\r\nyou"
                "PUT /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                "5;name=value\r\nhello\r\n1\r\n \r\nA\r\n0123456789\r\n0\r\nTrailer: gone\r\n\r\n"
                "GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
            "HEAD GET /jobs?state=running [Host=localhost:8080] [X-Empty=] [Accept=*/*]\nEND\n"
            "HEAD POST /jobs [host=a] [Content-Length=12]\nBODY hello\r\n\r\nyou\nEND\n"
            "HEAD PUT /x [Host=a] [Transfer-Encoding=chunked]\nBODY hello 0123456789\nEND\n"
            "HEAD GET / [Host=a]\nEND\n");
}

TEST(RequestParser, PausingIsNotCallingAndTheRestStaysTheCallers) {
  request_parser parser{message_limits()};
  std::string_view input = "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n";
  ASSERT_EQ(parser.advance(input), parsed::head);
  ASSERT_EQ(parser.advance(input), parsed::end);
  EXPECT_TRUE(parser.between_messages());
  EXPECT_EQ(input, "GET /2 HTTP/1.1\r\nHost: a\r\n\r\n");
}

TEST(RequestParser, TheEndOfAMessageNeedsNoByteMore) {
  request_parser parser{message_limits()};
  std::string_view input = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi";
  ASSERT_EQ(parser.advance(input), parsed::head);
  ASSERT_EQ(parser.advance(input), parsed::body);
  EXPECT_TRUE(input.empty());
  EXPECT_EQ(parser.body(), "hi");
  EXPECT_EQ(parser.advance(input), parsed::end);
  EXPECT_EQ(parser.advance(input), parsed::needs_more);
}

struct example {
  std::string_view name;
  std::string_view input;
  std::string_view said;
};

class AcceptedRequest : public testing::TestWithParam<example> {};
class RefusedRequest : public testing::TestWithParam<example> {};

std::string example_name(const testing::TestParamInfo<example>& tested) { return std::string(tested.param.name); }

TEST_P(AcceptedRequest, IsReadAsMeant) { EXPECT_EQ(transcript_any_cut(GetParam().input), GetParam().said); }

constexpr example accepted[] = {
    {"LineEndsBeforeTheRequestLineAreSkipped", "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
     "HEAD GET / [Host=a]\nEND\n"},
    {"OldClientsCloseUnlessTheyAsk", "GET / HTTP/1.0\r\n\r\n", "HEAD GET / close\nEND\n"},
    {"OldClientsMayAskToKeepAlive", "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n",
     "HEAD GET / [Connection=Keep-Alive]\nEND\n"},
    {"CloseIsOneMemberOfAList", "GET / HTTP/1.1\r\nHost: a\r\nConnection: x, Close\r\n\r\n",
     "HEAD GET / [Host=a] [Connection=x, Close] close\nEND\n"},
    {"AbsoluteTarget", "GET http://a/b HTTP/1.1\r\nHost: a\r\n\r\n", "HEAD GET http://a/b [Host=a]\nEND\n"},
    {"AsteriskTarget", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "HEAD OPTIONS * [Host=a]\nEND\n"},
    {"UpgradeIsIgnored",
     "POST / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 1\r\n\r\nx",
     "HEAD POST / [Host=a] [Connection=upgrade] [Upgrade=h2c] [Content-Length=1]\nBODY x\nEND\n"},
    {"UpgradeWithoutBodyIsIgnored", "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n",
     "HEAD GET / [Host=a] [Connection=upgrade] [Upgrade=h2c]\nEND\n"},
    {"ExpectContinue", "PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 1\r\n\r\nx",
     "HEAD PUT / [Host=a] [Expect=100-Continue] [Content-Length=1] expects\nBODY x\nEND\n"},
    {"ExpectWithoutBodyExpectsNothing", "PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n",
     "HEAD PUT / [Host=a] [Expect=100-continue]\nEND\n"},
    {"BytesAbove127InValues", "GET / HTTP/1.1\r\nHost: a\r\nX: \xc3\xa4\r\n\r\n",
     "HEAD GET / [Host=a] [X=\xc3\xa4]\nEND\n"},
    {"ZeroLength", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
     "HEAD POST / [Host=a] [Content-Length=0]\nEND\n"},
    {"ChunkSizeInEitherCase",
     "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\nb\r\n01234567890\r\n0\r\n\r\n",
     "HEAD POST / [Host=a] [Transfer-Encoding=Chunked]\nBODY 01234567890\nEND\n"},
    {"TrailersDoNotPassForHeaders",
     "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nHost: evil\r\nContent-Length: 9\r\n\r\n",
     "HEAD POST / [Host=a] [Transfer-Encoding=chunked]\nEND\n"},
    {"EmptyHost", "GET / HTTP/1.1\r\nHost:\r\n\r\n", "HEAD GET / [Host=]\nEND\n"},
};
INSTANTIATE_TEST_SUITE_P(RequestParser, AcceptedRequest, testing::ValuesIn(accepted), example_name);

// What a request must not be: RFC 9112, 2.2, 3.2, 5.1, 5.2, 6.1, 6.3, 7.1 and 11.2.
TEST_P(RefusedRequest, IsAnsweredWithTheStatusAndNothingAfterItIsRead) {
  EXPECT_EQ(transcript_any_cut(GetParam().input), GetParam().said);
}

#define HEAD_OF_POST "POST / HTTP/1.1\r\nHost: a\r\n"
#define HEAD_OF_CHUNKED HEAD_OF_POST "Transfer-Encoding: chunked\r\n\r\n"
#define SAID_OF_CHUNKED "HEAD POST / [Host=a] [Transfer-Encoding=chunked]\n"

constexpr example refused[] = {
    {"LengthAndTransferEncoding", HEAD_OF_POST "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
     "REFUSED 400\n"},
    {"TransferEncodingAndLength", HEAD_OF_POST "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
     "REFUSED 400\n"},
    {"TwoLengths", HEAD_OF_POST "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", "REFUSED 400\n"},
    {"TwoEqualLengths", HEAD_OF_POST "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", "REFUSED 400\n"},
    {"ListOfLengths", HEAD_OF_POST "Content-Length: 3, 3\r\n\r\nabc", "REFUSED 400\n"},
    {"SignedLength", HEAD_OF_POST "Content-Length: +3\r\n\r\nabc", "REFUSED 400\n"},
    {"NegativeLength", HEAD_OF_POST "Content-Length: -3\r\n\r\nabc", "REFUSED 400\n"},
    {"HexadecimalLength", HEAD_OF_POST "Content-Length: 0x3\r\n\r\nabc", "REFUSED 400\n"},
    {"LengthWithABlankInside", HEAD_OF_POST "Content-Length: 3 3\r\n\r\nabc", "REFUSED 400\n"},
    {"EmptyLength", HEAD_OF_POST "Content-Length:\r\n\r\nabc", "REFUSED 400\n"},
    {"LengthBeyond64Bits", HEAD_OF_POST "Content-Length: 18446744073709551617\r\n\r\na", "REFUSED 400\n"},
    {"BlankBeforeTheColon", HEAD_OF_POST "Content-Length : 3\r\n\r\nabc", "REFUSED 400\n"},
    {"TabBeforeTheColon", HEAD_OF_POST "Transfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n", "REFUSED 400\n"},
    {"TransferEncodingTwice", HEAD_OF_POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
     "REFUSED 400\n"},
    {"ChunkedTwiceInAList", HEAD_OF_POST "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", "REFUSED 400\n"},
    {"ChunkedNotLast", HEAD_OF_POST "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", "REFUSED 400\n"},
    {"UnknownCoding", HEAD_OF_POST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "REFUSED 501\n"},
    {"UnknownCodingAlone", HEAD_OF_POST "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", "REFUSED 501\n"},
    {"IdentityCoding", HEAD_OF_POST "Transfer-Encoding: identity\r\n\r\n", "REFUSED 501\n"},
    {"EmptyCoding", HEAD_OF_POST "Transfer-Encoding:\r\n\r\n0\r\n\r\n", "REFUSED 400\n"},
    {"CodingWithAControlCharacter",
     HEAD_OF_POST "Transfer-Encoding: \x0b"
                  "chunked\r\n\r\n0\r\n\r\n",
     "REFUSED 400\n"},
    {"QuotedCoding", HEAD_OF_POST "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n", "REFUSED 501\n"},
    {"ChunkedFromAnOldClient", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "REFUSED 400\n"},
    {"FoldedHeader", HEAD_OF_POST "X: a\r\n b\r\n\r\n", "REFUSED 400\n"},
    {"FoldedWithATab", HEAD_OF_POST "X: a\r\n\tb\r\n\r\n", "REFUSED 400\n"},
    {"FoldedCoding", HEAD_OF_POST "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", "REFUSED 400\n"},
    {"FirstHeaderBeginsWithABlank", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", "REFUSED 400\n"},
    {"LineFeedAlone", "GET / HTTP/1.1\nHost: a\n\n", "REFUSED 400\n"},
    {"LineFeedAloneAfterAHeader", "GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", "REFUSED 400\n"},
    {"LineFeedAloneAsTheEmptyLine", "GET / HTTP/1.1\r\nHost: a\r\n\n", "REFUSED 400\n"},
    {"CarriageReturnAlone", "GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n", "REFUSED 400\n"},
    {"LineFeedBeforeTheRequestLine", "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "REFUSED 400\n"},
    {"NulInAValue", std::string_view("GET / HTTP/1.1\r\nHost: a\r\nX: \0\r\n\r\n", 34), "REFUSED 400\n"},
    {"DeleteInAValue", "GET / HTTP/1.1\r\nHost: a\r\nX: \x7f\r\n\r\n", "REFUSED 400\n"},
    {"EmptyHeaderName", "GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n", "REFUSED 400\n"},
    {"HeaderWithoutColon", "GET / HTTP/1.1\r\nHost: a\r\nnonsense\r\n\r\n", "REFUSED 400\n"},
    {"BracketInAName", "GET / HTTP/1.1\r\nHost: a\r\n(x): b\r\n\r\n", "REFUSED 400\n"},
    {"NoHost", "GET / HTTP/1.1\r\n\r\n", "REFUSED 400\n"},
    {"TwoHosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", "REFUSED 400\n"},
    {"TwoHostsFromAnOldClient", "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", "REFUSED 400\n"},
    {"HostWithAPath", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", "REFUSED 400\n"},
    {"HostWithAUser", "GET / HTTP/1.1\r\nHost: x@a\r\n\r\n", "REFUSED 400\n"},
    {"HostList", "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", "REFUSED 400\n"},
    {"BadChunkSize", HEAD_OF_CHUNKED "x\r\n", SAID_OF_CHUNKED "REFUSED 400\n"},
    {"ChunkSizeWithAPrefix", HEAD_OF_CHUNKED "0x1\r\na\r\n0\r\n\r\n", SAID_OF_CHUNKED "REFUSED 400\n"},
    {"SignedChunkSize", HEAD_OF_CHUNKED "+1\r\na\r\n0\r\n\r\n", SAID_OF_CHUNKED "REFUSED 400\n"},
    {"BlankAfterTheChunkSize", HEAD_OF_CHUNKED "1 \r\na\r\n0\r\n\r\n", SAID_OF_CHUNKED "REFUSED 400\n"},
    {"EmptyChunkSize", HEAD_OF_CHUNKED "\r\na\r\n0\r\n\r\n", SAID_OF_CHUNKED "REFUSED 400\n"},
    {"ChunkSizeBeyond64Bits", HEAD_OF_CHUNKED "10000000000000001\r\na", SAID_OF_CHUNKED "REFUSED 400\n"},
    {"LineFeedAloneAfterTheChunkSize", HEAD_OF_CHUNKED "1\na\r\n0\r\n\r\n", SAID_OF_CHUNKED "REFUSED 400\n"},
    {"LineFeedAloneInAChunkExtension", HEAD_OF_CHUNKED "1;x\na\r\n0\r\n\r\n", SAID_OF_CHUNKED "REFUSED 400\n"},
    {"LineFeedAloneInAQuotedExtension", HEAD_OF_CHUNKED "1;x=\"\n\"\r\na\r\n0\r\n\r\n",
     SAID_OF_CHUNKED "REFUSED 400\n"},
    {"CarriageReturnInAChunkExtension", HEAD_OF_CHUNKED "1;x\ry\r\na\r\n0\r\n\r\n", SAID_OF_CHUNKED "REFUSED 400\n"},
    {"MoreDataThanTheChunkSays", HEAD_OF_CHUNKED "1\r\nab\r\n0\r\n\r\n", SAID_OF_CHUNKED "BODY a\nREFUSED 400\n"},
    {"LineFeedAloneAfterAChunk", HEAD_OF_CHUNKED "1\r\na\n0\r\n\r\n", SAID_OF_CHUNKED "BODY a\nREFUSED 400\n"},
    {"LineFeedAloneAfterTheLastChunk", HEAD_OF_CHUNKED "1\r\na\r\n0\n\r\n", SAID_OF_CHUNKED "BODY a\nREFUSED 400\n"},
    {"LineFeedAloneAtTheVeryEnd", HEAD_OF_CHUNKED "1\r\na\r\n0\r\n\n", SAID_OF_CHUNKED "BODY a\nREFUSED 400\n"},
    {"FoldedTrailer", HEAD_OF_CHUNKED "0\r\nX: a\r\n b\r\n\r\n", SAID_OF_CHUNKED "REFUSED 400\n"},
    {"LineFeedAloneInATrailer", HEAD_OF_CHUNKED "0\r\nX: a\n\r\n", SAID_OF_CHUNKED "REFUSED 400\n"},
    {"VersionOfTheFuture", "GET / HTTP/2.0\r\nHost: a\r\n\r\n", "REFUSED 505\n"},
    {"Http2Preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "REFUSED 505\n"},
    {"UnknownVersion", "GET / HTTP/1.2\r\nHost: a\r\n\r\n", "REFUSED 505\n"},
    {"NoVersion", "GET /\r\nHost: a\r\n\r\n", "REFUSED 400\n"},
    {"Rtsp", "OPTIONS * RTSP/1.0\r\nHost: a\r\n\r\n", "REFUSED 400\n"},
    {"LowerCaseProtocol", "GET / http/1.1\r\nHost: a\r\n\r\n", "REFUSED 400\n"},
    {"TwoBlanksAfterTheMethod", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", "REFUSED 400\n"},
    {"TwoBlanksBeforeTheVersion", "GET /  HTTP/1.1\r\nHost: a\r\n\r\n", "REFUSED 400\n"},
    {"BlankAfterTheVersion", "GET / HTTP/1.1 \r\nHost: a\r\n\r\n", "REFUSED 505\n"},
    {"BlankInTheTarget", "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", "REFUSED 400\n"},
    {"FragmentInTheTarget", "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", "REFUSED 400\n"},
    {"ByteAbove127InTheTarget", "GET /\xc3\xa4 HTTP/1.1\r\nHost: a\r\n\r\n", "REFUSED 400\n"},
    {"RelativeTarget", "GET a HTTP/1.1\r\nHost: a\r\n\r\n", "REFUSED 400\n"},
    {"ForeignScheme", "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", "REFUSED 400\n"},
    {"AsteriskForGet", "GET * HTTP/1.1\r\nHost: a\r\n\r\n", "REFUSED 400\n"},
    {"UnknownMethod", "BREW /pot HTTP/1.1\r\nHost: a\r\n\r\n", "REFUSED 501\n"},
    {"LongerMethod", "GETX / HTTP/1.1\r\nHost: a\r\n\r\n", "REFUSED 501\n"},
    {"Connect", "CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n", "REFUSED 501\n"},
    {"TlsHello", "\x16\x03\x01\x02", "REFUSED 400\n"},
    {"OtherExpectation", "GET / HTTP/1.1\r\nHost: a\r\nExpect: miracles\r\n\r\n", "REFUSED 417\n"},
};
INSTANTIATE_TEST_SUITE_P(RequestParser, RefusedRequest, testing::ValuesIn(refused), example_name);

TEST(RequestParserLimits, HeadOfExactlyTheLimitIsAcceptedAndOneByteMoreIs431) {
  const std::string_view head = "GET / HTTP/1.1\r\nHost: a\r\nX: 0123456789\r\n\r\n";
  EXPECT_EQ(transcript_any_cut(head, {.head_bytes = head.size()}), "HEAD GET / [Host=a] [X=0123456789]\nEND\n");
  EXPECT_EQ(transcript_any_cut(head, {.head_bytes = head.size() - 1}), "REFUSED 431\n");
}

TEST(RequestParserLimits, TargetIs414AndHeaderCountIs431) {
  const std::string_view head = "GET /0123456789 HTTP/1.1\r\nHost: a\r\nX: 1\r\n\r\n";
  EXPECT_EQ(transcript_any_cut(head, {.target_bytes = 11}), "HEAD GET /0123456789 [Host=a] [X=1]\nEND\n");
  EXPECT_EQ(transcript_any_cut(head, {.target_bytes = 10}), "REFUSED 414\n");
  EXPECT_EQ(transcript_any_cut(head, {.header_count = 1}), "REFUSED 431\n");
}

TEST(RequestParserLimits, BodyIs413BeforeAnyOfItIsRead) {
  EXPECT_EQ(transcript_any_cut(HEAD_OF_POST "Content-Length: 4\r\n\r\n", {.body_bytes = 3}), "REFUSED 413\n");
  EXPECT_EQ(transcript_any_cut(HEAD_OF_CHUNKED "2\r\nab\r\n2\r\n", {.body_bytes = 3}),
            SAID_OF_CHUNKED "BODY ab\nREFUSED 413\n");
}

TEST(RequestParserLimits, EmptyLinesCountAsHead) {
  std::string empty;
  for (int i = 0; i < 100; ++i) {
    empty += "\r\n";
  }
  EXPECT_EQ(transcript({empty}, {.head_bytes = 64}), "REFUSED 431\n");
}

TEST(RequestParserLimits, ChunkExtensionsAndTrailersAreBounded) {
  std::string flood = HEAD_OF_CHUNKED;
  for (int i = 0; i < 1000; ++i) {
    flood += "1;" + std::string(100, 'x') + "\r\na\r\n";
  }
  EXPECT_TRUE(transcript({flood}, {.head_bytes = 1024}).ends_with("REFUSED 400\n"));
  const std::string trailer = HEAD_OF_CHUNKED "0\r\nX: " + std::string(2000, 'x') + "\r\n\r\n";
  EXPECT_EQ(transcript({trailer}, {.head_bytes = 1024}), SAID_OF_CHUNKED "REFUSED 400\n");
}

TEST(RequestParserLimits, ChunksOfOneByteAreNoFlood) {
  std::string input = HEAD_OF_CHUNKED;
  for (int i = 0; i < 5000; ++i) {
    input += "1\r\na\r\n";
  }
  input += "0\r\n\r\n";
  EXPECT_EQ(transcript({input}, {.head_bytes = 128}), SAID_OF_CHUNKED "BODY " + std::string(5000, 'a') + "\nEND\n");
}

// Seeded: mutations of good requests, cut at random, must be read the same way whole and in pieces, and never crash.
TEST(RequestParser, MutatedRequestsAreReadTheSameInAnyPieces) {
  const std::string_view good =
      "POST /a?b=c HTTP/1.1\r\nHost: a:1\r\nContent-Length: 5\r\nX: y\r\n\r\nhello"
      "PUT /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;e=f\r\nhello\r\n0\r\nT: u\r\n\r\n"
      "GET / HTTP/1.1\r\nHost: b\r\nConnection: close\r\n\r\n";
  using std::string_view_literals::operator""sv;
  constexpr std::string_view material = "\r\n \t:;,0159aAfG/?#%\0\x7f\xff\""sv;
  std::mt19937 random(20240917);
  const auto below = [&](std::size_t bound) { return static_cast<std::size_t>(random() % bound); };
  for (int round = 0; round < 20'000; ++round) {
    std::string input(good);
    for (std::size_t changes = 1 + below(3); changes > 0; --changes) {
      const std::size_t at = below(input.size());
      switch (below(3)) {
        case 0: input[at] = material[below(material.size())]; break;
        case 1: input.insert(at, 1, material[below(material.size())]); break;
        default: input.erase(at, 1 + below(4)); break;
      }
    }
    std::vector<std::string_view> pieces;
    for (std::string_view rest = input; !rest.empty(); rest.remove_prefix(pieces.back().size())) {
      pieces.push_back(rest.substr(0, 1 + below(40)));
    }
    ASSERT_EQ(transcript(pieces), transcript({input})) << "round " << round << ":\n" << input;
  }
}

}  // namespace
}  // namespace whorl::http
