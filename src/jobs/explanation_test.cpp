#include <whorl/deferred/error.h>
#include <whorl/facts/verdict.h>
#include <whorl/jobs/calcs.h>
#include <whorl/jobs/explanation.h>

#include <gmock/gmock.h>

#include <algorithm>
#include <string_view>

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

// The places of the calculation name no reason of their own: another record would make another reason.
TEST(Explanation, TheReasonsOfUnitsConvertAreTheRecords) {
  EXPECT_EQ(units_convert(place_kind::lane).places.front().reason, reason_from_facts("ut_parse", facts::place::lane));
  EXPECT_EQ(units_convert(place_kind::process).places.front().reason,
            reason_from_facts("ut_parse", facts::place::process));
  EXPECT_THROW(units_convert(place_kind::loop), misuse);
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
  const auto& evidence = said.find("evidence")->as_list();
  const auto has = [&evidence](std::string_view grade) {
    return std::ranges::any_of(evidence, [grade](const value& seen) { return seen.find("grade")->as_text() == grade; });
  };
  EXPECT_TRUE(has("demonstrated"));
  EXPECT_TRUE(has("documented"));
}

}  // namespace

}  // namespace whorl
