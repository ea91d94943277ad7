#include <gtest/gtest.h>
#include <whorl/reactor/address.h>

#include <string>

namespace whorl {
namespace {

TEST(Address, ReadsLiteralsAndWritesThemAsEndpoints) {
  EXPECT_EQ(address::tcp("127.0.0.1", 80)->to_string(), "tcp:127.0.0.1:80");
  EXPECT_EQ(address::tcp("::1", 8080)->to_string(), "tcp:[::1]:8080");
  EXPECT_EQ(address::tcp("*", 1)->to_string(), "tcp:0.0.0.0:1");
  EXPECT_EQ(address::tcp("localhost", 2)->to_string(), "tcp:127.0.0.1:2");
  EXPECT_EQ(address::unix_path("/run/x.sock")->to_string(), "unix:/run/x.sock");
}

TEST(Address, RefusesNamesAndSaysWhatToDo) {
  for (const char* name : {"example.org", "", "1.2.3", "256.0.0.1", "::1::"}) {
    const auto refused = address::tcp(name, 80);
    ASSERT_FALSE(refused) << name;
    EXPECT_TRUE(refused.error().is(errc::bad_input));
    EXPECT_NE(refused.error().message().find("resolve the name first"), std::string::npos);
  }
}

TEST(Address, RefusesPathsThatDoNotFit) {
  EXPECT_TRUE(address::unix_path(std::string(107, 'x')));
  EXPECT_FALSE(address::unix_path(std::string(108, 'x')));
  EXPECT_FALSE(address::unix_path(""));
}

TEST(Address, ComparesHostAndPort) {
  EXPECT_EQ(*address::tcp("127.0.0.1", 80), *address::tcp("localhost", 80));
  EXPECT_NE(*address::tcp("127.0.0.1", 80), *address::tcp("127.0.0.1", 81));
  EXPECT_NE(*address::tcp("127.0.0.1", 80), *address::tcp("127.0.0.2", 80));
  EXPECT_NE(*address::tcp("::1", 80), *address::tcp("127.0.0.1", 80));
  EXPECT_EQ(*address::unix_path("/a"), *address::unix_path("/a"));
  EXPECT_NE(*address::unix_path("/a"), *address::unix_path("/b"));
  EXPECT_EQ(address(), address());
}

TEST(Address, ChangesItsPort) {
  EXPECT_EQ(address::tcp("127.0.0.1", 80)->with_port(81), *address::tcp("127.0.0.1", 81));
  EXPECT_EQ(address::tcp("::1", 80)->with_port(81).port(), 81);
  EXPECT_EQ(address::unix_path("/a")->port(), 0);
  EXPECT_EQ(address::unix_path("/a")->with_port(5), *address::unix_path("/a"));
}

}  // namespace
}  // namespace whorl
