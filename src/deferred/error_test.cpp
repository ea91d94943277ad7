#include <whorl/deferred/failure.h>
#include <whorl/deferred/frame_pool.h>
#include <whorl/deferred/log.h>
#include <whorl/deferred/platform.h>

#include <gtest/gtest.h>

#include <cerrno>
#include <stdexcept>
#include <string>
#include <system_error>

namespace whorl {
namespace {

TEST(Error, ASystemErrorSaysWhatWasDoneWhyAndWhatToDo) {
  const error why = error::system(ECONNREFUSED, "connect \"tcp:127.0.0.1:1\"", "is a server listening there?");
  EXPECT_STREQ(why.what(), "connect \"tcp:127.0.0.1:1\": Connection refused; is a server listening there?");
  EXPECT_EQ(why.code(), std::errc::connection_refused);
}

TEST(Error, ABareCodeHasItsOwnText) { EXPECT_STREQ(error(errc::timed_out).what(), "timed out"); }

TEST(Error, KnowsWhereItArose) {
  const error why(errc::full);
  EXPECT_NE(std::string(why.where().file_name()).find("error_test.cpp"), std::string::npos);
}

failure caught(void (*throwing)()) {
  try {
    throwing();
  } catch (...) {
    return failure::current();
  }
  return failure(errc::exception);
}

TEST(Failure, S41_TrapReturnsTheMatchingCodeOrRaisesTheOriginal) {
  const failure why(error(errc::not_found, "no such key"));
  EXPECT_EQ(why.trap(errc::full, errc::not_found), make_error_code(errc::not_found));
  try {
    why.trap(errc::full);
    FAIL() << "trapped";
  } catch (const error& raised) {
    EXPECT_STREQ(raised.what(), "no such key");
  }
}

TEST(Failure, S41_CheckOnlyTests) {
  const failure why(errc::not_found);
  EXPECT_TRUE(why.check(errc::not_found));
  EXPECT_FALSE(why.check(errc::full));
}

TEST(Failure, S33_AnythingThrownIsTurnedIntoAFailure) {
  EXPECT_STREQ(caught([] { throw std::runtime_error("broke"); }).error().what(), "broke");
  EXPECT_TRUE(caught([] { throw 42; }).check(errc::exception));  // NOLINT(hicpp-exception-baseclass)
  EXPECT_TRUE(caught([] { throw error(errc::full); }).check(errc::full));
}

TEST(Failure, AnExceptionThatIsNoErrorIsRaisedAsItWas) {
  EXPECT_THROW(caught([] { throw std::out_of_range("index"); }).raise(), std::out_of_range);
}

TEST(Log, ALineCarriesLevelThreadAndQuotedValues) {
  std::string got;
  auto before = set_log_sink([&](log_level, std::string_view line) { got = line; });
  set_log_thread_name("loop");
  log(log_level::warning, "it happened", {{"plain", "1"}, {"text", "a \"b\"\nc"}});
  set_log_sink(before);
  set_log_thread_name("main");
  EXPECT_NE(got.find("Z warning [loop] it happened plain=1 text=\"a \\\"b\\\"\\nc\""), std::string::npos) << got;
}

TEST(Log, BelowTheThresholdNothingIsWritten) {
  int lines = 0;
  auto before = set_log_sink([&](log_level, std::string_view) { ++lines; });
  log(log_level::debug, "quiet");
  log(log_level::info, "loud");
  set_log_sink(before);
  EXPECT_EQ(lines, 1);
}

TEST(FramePool, AFrameComesBackForTheNextOfItsSize) {
  void* first = detail::take_frame(100);
  detail::give_frame(first, 100);
  void* second = detail::take_frame(90);
  detail::give_frame(second, 90);
  EXPECT_TRUE(first == second || WHORL_SANITIZED);  // a sanitizer gets allocations of their own
}

}  // namespace
}  // namespace whorl
