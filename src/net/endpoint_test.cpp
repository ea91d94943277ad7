#include <whorl/net/endpoint.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace whorl {
namespace {

using testing::AllOf;
using testing::HasSubstr;

std::string parsed(std::string_view description) {
  const auto at = parse_endpoint(description);
  return at ? at->to_string() : at.error().what();
}

TEST(Endpoint, S110_TcpTakesAPortOrAHostAndAPort) {
  EXPECT_EQ(parsed("tcp:8080"), "tcp:0.0.0.0:8080");
  EXPECT_EQ(parsed("tcp:127.0.0.1:8080"), "tcp:127.0.0.1:8080");
  EXPECT_EQ(parsed("tcp:localhost:0"), "tcp:127.0.0.1:0");
  EXPECT_EQ(parsed("tcp:*:65535"), "tcp:0.0.0.0:65535");
}

TEST(Endpoint, S110_FieldsWithAKeyMayStandInAnyOrder) {
  EXPECT_EQ(parsed("tcp:port=8080:interface=127.0.0.1"), "tcp:127.0.0.1:8080");
  EXPECT_EQ(parsed("tcp:host=127.0.0.1:port=8080"), "tcp:127.0.0.1:8080");
  EXPECT_EQ(parsed("tcp:8080:interface=127.0.0.1"), "tcp:127.0.0.1:8080");
  EXPECT_EQ(parsed("tcp:127.0.0.1:port=8080"), "tcp:127.0.0.1:8080");
  EXPECT_EQ(parsed("unix:path=/run/whorl.sock"), "unix:/run/whorl.sock");
}

TEST(Endpoint, S110_Ipv6StandsInBracketsOrIsEscaped) {
  EXPECT_EQ(parsed("tcp:[::1]:8080"), "tcp:[::1]:8080");
  EXPECT_EQ(parsed(R"(tcp:\:\:1:8080)"), "tcp:[::1]:8080");
  EXPECT_EQ(parsed("tcp:8080:interface=[::1]"), "tcp:[::1]:8080");
}

TEST(Endpoint, S110_BackslashTakesTheMeaningFromASign) {
  EXPECT_EQ(parsed(R"(unix:/tmp/a\:b\=c\\d)"), R"(unix:/tmp/a:b=c\d)");
  EXPECT_EQ(parsed("unix:path=/tmp/a=b"), "unix:/tmp/a=b") << "a second = has no meaning";
}

TEST(Endpoint, S110_QuotingMakesAnyValueAField) {
  for (const std::string path : {"/tmp/plain", "/tmp/a:b", "/tmp/a=b", R"(/tmp/\)", "[odd]", R"(/:=\[]:)"}) {
    EXPECT_EQ(parsed("unix:" + quote_endpoint_field(path)), "unix:" + path);
    EXPECT_EQ(parsed("unix:path=" + quote_endpoint_field(path)), "unix:" + path);
  }
}

TEST(Endpoint, S110_AnUnknownTypeIsAnErrorThatNamesIt) {
  const auto at = parse_endpoint("tpc:8080");
  ASSERT_FALSE(at);
  EXPECT_TRUE(at.error().is(errc::bad_input));
  EXPECT_THAT(at.error().what(),
              AllOf(HasSubstr(R"(endpoint "tpc:8080")"), HasSubstr(R"("tpc")"), HasSubstr("unix:PATH")));
}

TEST(Endpoint, EveryFaultIsNamedTogetherWithTheCure) {
  const std::vector<std::pair<std::string, std::string>> faults = {
      {"", R"(no type of endpoint "")"},
      {"8080", R"(no type of endpoint "8080")"},
      {"tcp", "the port is missing; write tcp:PORT"},
      {"tcp:", "the port is missing"},
      {"tcp:127.0.0.1:", "the port is missing"},
      {"tcp:interface=127.0.0.1", "the port is missing"},
      {"tcp:127.0.0.1", R"(port "127.0.0.1" is no number from 0 to 65535)"},
      {"tcp:65536", R"(port "65536" is no number from 0 to 65535)"},
      {"tcp:-1", R"(port "-1" is no number)"},
      {"tcp:80 ", R"(port "80 " is no number)"},
      {"tcp:::1:80", R"(too many fields; write tcp:PORT)"},
      {"tcp:[::1:80", R"(a [ has no ])"},
      {R"(tcp:80\)", "in the middle of an escape"},
      {"tcp:80:colour=red", R"(tcp has no field "colour")"},
      {"tcp:80:port=81:port=82", R"(field "port" is given twice)"},
      {"tcp:host=a:interface=b:80", R"(field "interface" is given twice)"},
      {"tcp:1.2.3.4:5:port=6", "too many fields"},
      {"tcp:example.org:80", R"("example.org" is no IP address)"},
      {"unix:", "the path is missing"},
      {"unix:/tmp/a=b", R"(unix has no field "/tmp/a")"},
      {"unix:" + std::string(200, 'x'), "107"},
  };
  for (const auto& [description, what] : faults) {
    const auto at = parse_endpoint(description);
    ASSERT_FALSE(at) << description;
    EXPECT_TRUE(at.error().is(errc::bad_input)) << description;
    EXPECT_THAT(at.error().what(), AllOf(HasSubstr("endpoint \"" + description + "\": "), HasSubstr(what)));
  }
}

}  // namespace
}  // namespace whorl
