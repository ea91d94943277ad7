#include <whorl/deferred/error.h>
#include <whorl/facts/verdict.h>
#include <whorl/jobs/explanation.h>

#include <gmock/gmock.h>

namespace whorl {

namespace {

using testing::AllOf;
using testing::HasSubstr;

TEST(Explanation, APlaceIsReasonedWithTheRecordAndTheEvidenceThatSpeaksOfIt) {
  EXPECT_THAT(reason_from_facts("ut_parse", facts::place::lane),
              AllOf(HasSubstr("one call at a time"), HasSubstr("demonstrated, examples/udunits_four_threads.cpp")));
  EXPECT_THAT(reason_from_facts("ut_parse", facts::place::process), HasSubstr("calls exit(2)"));
  EXPECT_THAT(reason_from_facts("cv_convert_double", facts::place::pool), HasSubstr("without a lock"));
}

TEST(Explanation, APlaceThatTheRecordForbidsHasNoReason) {
  EXPECT_THROW(reason_from_facts("ut_parse", facts::place::pool), misuse);
  EXPECT_THROW(reason_from_facts("nobody_knows_this", facts::place::lane), misuse);
}

TEST(Explanation, UdunitsBelongsInALaneOrAProcess) {
  const value said = to_value(facts::judge("ut_parse"));
  const auto may = [&said](const char* place) { return said.find("places")->find(place)->find("may")->as_text(); };
  EXPECT_EQ(may("pool"), "no");
  EXPECT_EQ(may("lane"), "yes");
  EXPECT_EQ(may("process"), "yes");
  EXPECT_EQ(said.find("evidence")->as_list().front().find("grade")->as_text(), "demonstrated");
}

}  // namespace

}  // namespace whorl
