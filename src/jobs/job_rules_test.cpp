#include "jobs/job_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace whorl {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

constexpr utc_time noon{std::chrono::hours(12)};

job running_job() {
  job one = job_rules::accept({.calc = "c", .arguments = "{}"}, noon);
  one.id = job_id{7};
  job_rules::start(one, {.worker = "w", .lasting = 10s}, noon);
  return one;
}

void end(job& one, attempt_end how) { job_rules::end(one, std::move(how), noon, {}); }

TEST(JobRules, ALeaseIsANewAttemptWithoutTheProgressOfTheOneBefore) {
  job one = running_job();
  job_rules::note(one, {.attempt = one.current(), .progress = 0.5, .note = "half"}, {});
  end(one, attempt_end::released(one.current()));
  EXPECT_EQ(one.state, job_state::queued);
  EXPECT_FALSE(one.lease);
  job_rules::start(one, {.worker = "v", .lasting = 10s}, noon + 1s);
  EXPECT_EQ(one.attempt, 2);
  EXPECT_EQ(one.progress, 0);
  EXPECT_EQ(one.note, "");
  EXPECT_EQ(one.lease, (job_lease{.worker = "v", .until = noon + 11s}));
}

TEST(JobRules, R2_OnlyTheRunningAttemptStands) {
  job one = running_job();
  EXPECT_EQ(job_rules::standing_of(one, {one.id, 1}), standing::current);
  EXPECT_EQ(job_rules::standing_of(one, {one.id, 2}), standing::stale);
  EXPECT_EQ(job_rules::standing_of(one, {one.id, 0}), standing::stale);
  end(one, attempt_end::released(one.current()));
  EXPECT_EQ(job_rules::standing_of(one, {one.id, 1}), standing::stale);
}

TEST(JobRules, EachFurtherFailureWaitsTwiceAsLongUpToALimit) {
  const retry_policy retry{.failures = 6, .first_delay = 10s, .longest_delay = 60s};
  job one = running_job();
  std::vector<std::chrono::milliseconds> delays;
  while (one.state == job_state::running) {
    end(one, attempt_end::failed(one.current(), "no", "", retry));
    if (one.state == job_state::queued) {
      delays.push_back(*one.not_before - noon);
      one.not_before.reset();
      job_rules::start(one, {.worker = "w", .lasting = 10s}, noon);
    }
  }
  EXPECT_EQ(delays, (std::vector<std::chrono::milliseconds>{10s, 20s, 40s, 60s, 60s}));
  EXPECT_EQ(one.state, job_state::failed);
  EXPECT_EQ(one.failures, 6);
  EXPECT_EQ(one.finished, noon);
}

TEST(JobRules, AnAbsurdRetryDelayDoesNotOverflow) {
  const retry_policy retry{.failures = 100, .first_delay = 1ms, .longest_delay = std::chrono::years(1)};
  job one = running_job();
  one.failures = 90;
  end(one, attempt_end::failed(one.current(), "no", "", retry));
  EXPECT_EQ(*one.not_before - noon, std::chrono::years(1));
}

TEST(JobRules, R5_CrashesAreCountedApartFromFailuresAndEndInADeadLetter) {
  job one = running_job();
  const job_limits limits{.crashes = 2};
  job_rules::end(one, attempt_end::crashed(one.current(), "signal 11", ""), noon, limits);
  EXPECT_EQ(one.state, job_state::queued);
  EXPECT_EQ(one.failures, 0);
  job_rules::start(one, {.worker = "w", .lasting = 10s}, noon);
  job_rules::end(one, attempt_end::crashed(one.current(), "signal 9", ""), noon, limits);
  EXPECT_EQ(one.state, job_state::failed);
  EXPECT_EQ(one.crashes, 2);
  EXPECT_EQ(one.failures, 0);
  EXPECT_EQ(one.error, "given up after 2 crashes; the last one: signal 9");
  EXPECT_THAT(one.hint, HasSubstr("find out what makes"));
}

TEST(JobRules, WhoeverWasAskedToStopIsNeverQueuedAgain) {
  const retry_policy retry{.failures = 3};
  for (const attempt_end& how : {attempt_end::failed({}, "no", "", retry), attempt_end::crashed({}, "x", ""),
                                 attempt_end::stopped({}), attempt_end::released({})}) {
    job one = running_job();
    ASSERT_EQ(job_rules::cancel(one, noon), cancel_answer::requested);
    end(one, how);
    EXPECT_EQ(one.state, job_state::cancelled) << static_cast<int>(how.as);
    EXPECT_FALSE(one.not_before);
    EXPECT_FALSE(one.cancel_requested);
    EXPECT_EQ(one.finished, noon);
  }
}

TEST(JobRules, ACancelThatComesTooLateLeavesTheResult) {
  job one = running_job();
  ASSERT_EQ(job_rules::cancel(one, noon), cancel_answer::requested);
  end(one, attempt_end::done(one.current(), "42"));
  EXPECT_EQ(one.state, job_state::done);
  EXPECT_EQ(one.result, "42");
}

TEST(JobRules, CancellingWhatHasEndedSaysHowItEnded) {
  job one = running_job();
  end(one, attempt_end::done(one.current(), "42"));
  const job before = one;
  const result<cancel_answer> answer = job_rules::cancel(one, noon);
  ASSERT_FALSE(answer);
  EXPECT_TRUE(answer.error().is(errc::conflict));
  EXPECT_EQ(answer.error().message(), "job 7 has ended (done) and cannot be cancelled any more");
  EXPECT_EQ(one, before);
}

TEST(JobRules, DoneForgetsWhatWentWrongBefore) {
  job one = running_job();
  end(one, attempt_end::crashed(one.current(), "signal 11", "look"));
  EXPECT_EQ(one.error, "signal 11");
  job_rules::start(one, {.worker = "w", .lasting = 10s}, noon);
  end(one, attempt_end::done(one.current(), "42"));
  EXPECT_EQ(one.error, "");
  EXPECT_EQ(one.hint, "");
  EXPECT_EQ(one.crashes, 1);
  EXPECT_EQ(one.progress, 1);
}

TEST(JobRules, ProgressIsBetweenNothingAndAll) {
  job one = running_job();
  for (const auto& [reported, kept] : {std::pair(-1.0, 0.0), {2.0, 1.0}, {0.25, 0.25}, {std::nan(""), 0.0}}) {
    job_rules::note(one, {.attempt = one.current(), .progress = reported}, {});
    EXPECT_EQ(one.progress, kept);
  }
}

TEST(JobRules, LongTextIsCutBetweenCharacters) {
  EXPECT_EQ(job_rules::cut("abc", 3), "abc");
  EXPECT_EQ(job_rules::cut("abcd", 3), "abc");
  EXPECT_EQ(job_rules::cut("a\u20ac!", 4), "a\u20ac");
  EXPECT_EQ(job_rules::cut("a\u20ac!", 3), "a");
  EXPECT_EQ(job_rules::cut("\u20ac", 2), "");
}

TEST(JobRules, R16_TooLargeArgumentsAreRefusedWithTheLimit) {
  const result<void> fit =
      job_rules::admissible(job_request{.calc = "c", .arguments = std::string(11, 'x')}, {.argument_bytes = 10});
  ASSERT_FALSE(fit);
  EXPECT_TRUE(fit.error().is(errc::too_large));
  EXPECT_EQ(fit.error().message(),
            "the arguments: 11 bytes are too many, the limit is 10; put large inputs into a file and pass its name");
}

TEST(JobId, ReadsItsOwnTextAndNothingElse) {
  EXPECT_EQ(parse_job_id("17"), job_id{17});
  EXPECT_EQ(to_string(job_id{17}), "17");
  for (const char* text : {"", "0", "-1", "+1", " 1", "1 ", "1x", "0x1", "99999999999999999999"}) {
    EXPECT_FALSE(parse_job_id(text)) << text;
  }
}

TEST(JobState, ReadsItsOwnText) {
  for (const job_state state : job_states) {
    EXPECT_EQ(parse_job_state(to_string(state)), state);
  }
  EXPECT_FALSE(parse_job_state("lost"));
}

}  // namespace
}  // namespace whorl
