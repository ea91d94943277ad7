#include "jobs/loop_findings.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

namespace whorl {
namespace {

using namespace std::chrono_literals;

TEST(LoopFindings, AreToldInMillisecondsAndWithTheirPlaces) {
  const auto here = std::source_location::current();
  loop_findings found{.watched = true,
                      .stalls = {},
                      .longest_callbacks = {{.took = 1500us, .name = {.what = "a timed call", .at = {}}, .times = 3}},
                      .permissions = {{.reason = "reads its settings", .given_at = here, .times = 4, .excused = 1}}};
  found.stalls.push_back({.doing = "asleep in read",
                          .call = "read",
                          .at = "source.cpp:40",
                          .instead = "whorl::stream",
                          .callback = "a timed call",
                          .stack = "read < fill",
                          .times = 2,
                          .longest = 250ms,
                          .total = 400ms});
  const value said = to_value(found);
  EXPECT_EQ(to_text(*said.find("stalls")),
            R"([{"call":"read","at":"source.cpp:40","doing":"asleep in read","instead":"whorl::stream",)"
            R"("callback":"a timed call","stack":"read < fill","times":2,"longest_ms":250.0,"total_ms":400.0}])");
  EXPECT_EQ(to_text(*said.find("callbacks")), R"([{"what":"a timed call","longest_ms":1.5,"times":3}])");
  EXPECT_EQ(to_text(*said.find("permissions")), R"([{"reason":"reads its settings","at":"loop_findings_test.cpp:)" +
                                                    std::to_string(here.line()) + R"(","times":4,"excused":1}])");
}

TEST(LoopFindings, OfALoopThatNobodyWatchesAreEmptyLists) {
  EXPECT_EQ(to_text(to_value(loop_findings{})), R"({"watched":false,"stalls":[],"callbacks":[],"permissions":[]})");
}

}  // namespace
}  // namespace whorl
