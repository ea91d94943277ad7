// What every job store does, whatever engine it has.
#include "jobs/job_store_under_test.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ranges>

namespace whorl {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using testing::engine;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::store_under_test;
using testing::test_clock;
using ::testing::UnorderedElementsAre;

class JobStore : public ::testing::TestWithParam<engine> {
 protected:
  store_under_test store{GetParam()};
};

INSTANTIATE_TEST_SUITE_P(Engines, JobStore, ::testing::Values(engine::memory, engine::sqlite),
                         [](const auto& kind) { return kind.param == engine::memory ? "Memory" : "Sqlite"; });

std::vector<job_id> ids(const std::vector<job>& jobs) {
  std::vector<job_id> found;
  std::ranges::transform(jobs, std::back_inserter(found), &job::id);
  return found;
}

const job_request any{.calc = "c", .arguments = "{}"};

TEST_P(JobStore, AnAcceptedJobIsQueuedAsItWasAskedFor) {
  const job_id id = store.enqueue(
      {.calc = "units.convert", .arguments = R"({"value":1})", .idempotency_key = "k", .priority = -3, .delay = 5s});
  job expected;
  expected.id = id;
  expected.calc = "units.convert";
  expected.arguments = R"({"value":1})";
  expected.idempotency_key = "k";
  expected.priority = -3;
  expected.created = test_clock::now();
  expected.not_before = test_clock::now() + 5s;
  EXPECT_EQ(store.find(id), expected);
}

TEST_P(JobStore, IdsCountUpFromOne) {
  EXPECT_EQ(store.enqueue(any), job_id{1});
  EXPECT_EQ(store.enqueue(any), job_id{2});
}

TEST_P(JobStore, AJobThatDoesNotExistIsNotFound) {
  const error why = store.error_of(store->find(job_id{5}));
  EXPECT_TRUE(why.is(errc::not_found));
  EXPECT_THAT(why.message(), HasSubstr("job 5 is not in the store"));
}

TEST_P(JobStore, ARepeatedKeyGivesTheSameJob) {
  const job_request request{.calc = "c", .arguments = "{}", .idempotency_key = "k"};
  const auto answers = store.get(store->enqueue({request, request}));
  ASSERT_EQ(answers.size(), 2U);
  EXPECT_EQ(answers[0], (enqueued_job{job_id{1}, enqueued_job::how::accepted}));
  EXPECT_EQ(answers[1], (enqueued_job{job_id{1}, enqueued_job::how::repeated}));
  store.end(attempt_end::done(store.lease().at(0).current(), "1"));
  EXPECT_EQ(store.try_enqueue(request), (enqueued_job{job_id{1}, enqueued_job::how::repeated}));
}

TEST_P(JobStore, AKeyIsNotGoodForADifferentRequest) {
  store.enqueue({.calc = "c", .arguments = "{}", .idempotency_key = "k"});
  for (const job_request& other :
       {job_request{.calc = "d", .arguments = "{}", .idempotency_key = "k"},
        job_request{.calc = "c", .arguments = "[]", .idempotency_key = "k"},
        job_request{.calc = "c", .arguments = "{}", .idempotency_key = "k", .priority = 1}}) {
    const auto answer = store.try_enqueue(other);
    ASSERT_FALSE(answer);
    EXPECT_TRUE(answer.error().is(errc::conflict));
    EXPECT_THAT(answer.error().message(), HasSubstr("the idempotency key \"k\" belongs to job 1"));
  }
  EXPECT_EQ(store.count().of(job_state::queued), 1);
}

TEST_P(JobStore, R16_OneTooLargeRequestIsRefusedByItself) {
  const auto answers = store.get(store->enqueue(
      {any, {.calc = "c", .arguments = std::string(64 * 1024 + 1, 'x')}, {.calc = "", .arguments = ""}, any}));
  EXPECT_TRUE(answers.at(0));
  EXPECT_TRUE(answers.at(1).error().is(errc::too_large));
  EXPECT_THAT(answers.at(1).error().message(), HasSubstr("limit is 65536"));
  EXPECT_TRUE(answers.at(2).error().is(errc::bad_input));
  EXPECT_EQ(answers.at(3)->id, job_id{2});
}

TEST_P(JobStore, LeasesTheHighestPriorityThenTheOldest) {
  store.get(store->enqueue({{.calc = "c", .arguments = "1"},
                            {.calc = "d", .arguments = "2", .priority = 5},
                            {.calc = "c", .arguments = "3", .priority = 5},
                            {.calc = "c", .arguments = "4", .priority = -1},
                            {.calc = "c", .arguments = "5"}}));
  EXPECT_THAT(ids(store.lease(3, {"c", "d", "c"})), ElementsAre(job_id{2}, job_id{3}, job_id{1}));
  EXPECT_THAT(ids(store.lease(9, {"c", "d"})), ElementsAre(job_id{5}, job_id{4}));
  EXPECT_THAT(store.lease(9, {"c", "d"}), IsEmpty());
}

TEST_P(JobStore, LeasesOnlyTheCalcsThatWereNamed) {
  store.get(store->enqueue({{.calc = "d", .arguments = ""}, {.calc = "c", .arguments = ""}}));
  EXPECT_THAT(store.lease(9, {}), IsEmpty());
  EXPECT_THAT(store.lease(9, {"e"}), IsEmpty());
  EXPECT_THAT(ids(store.lease(9, {"c"})), ElementsAre(job_id{2}));
}

TEST_P(JobStore, ALeaseNeedsAWorkersName) {
  EXPECT_TRUE(
      store.error_of(store->lease({.worker = "", .most = 1, .lasting = 1s, .calcs = {"c"}})).is(errc::bad_input));
}

TEST_P(JobStore, ALeasedJobComesWithItsArgumentsAndTheLease) {
  store.enqueue({.calc = "c", .arguments = R"({"x":1})"});
  const job leased = store.lease().at(0);
  EXPECT_EQ(leased.arguments, R"({"x":1})");
  EXPECT_EQ(leased.attempt, 1);
  EXPECT_EQ(leased.started, test_clock::now());
  EXPECT_EQ(leased.lease, (job_lease{"w", test_clock::now() + 10s}));
  EXPECT_EQ(leased, store.find(leased.id));
}

TEST_P(JobStore, R3_ADelayedJobWaitsInTheStoreUntilItsTime) {
  const utc_time due = test_clock::now() + 5s;
  store.enqueue({.calc = "c", .arguments = "", .delay = 5s});
  store.enqueue({.calc = "c", .arguments = "", .delay = 7s});
  test_clock::advance(4999ms);
  EXPECT_THAT(store.lease(9), IsEmpty());
  EXPECT_EQ(store.count().delayed, 2);
  EXPECT_EQ(store.count().next_due, due);
  test_clock::advance(1ms);
  EXPECT_EQ(store.count().eligible(), 1);
  EXPECT_THAT(ids(store.lease(9)), ElementsAre(job_id{1}));
  EXPECT_EQ(store.count().delayed, 1);
}

TEST_P(JobStore, DoneKeepsTheResult) {
  const job running = store.start();
  test_clock::advance(3s);
  EXPECT_EQ(store.end(attempt_end::done(running.current(), R"({"mean":1})", "7.csv")), standing::current);
  const job done = store.find(running.id);
  EXPECT_EQ(done.state, job_state::done);
  EXPECT_EQ(done.result, R"({"mean":1})");
  EXPECT_EQ(done.result_file, "7.csv");
  EXPECT_EQ(done.finished, test_clock::now());
  EXPECT_EQ(done.progress, 1);
  EXPECT_EQ(done.lease, std::nullopt);
  EXPECT_EQ(done.arguments, "{}");
}

TEST_P(JobStore, R16_ATooLargeResultIsRefusedAndTheAttemptGoesOn) {
  const job running = store.start();
  const auto answer = store.end(attempt_end::done(running.current(), std::string(256 * 1024 + 1, 'x')));
  ASSERT_FALSE(answer);
  EXPECT_TRUE(answer.error().is(errc::too_large));
  EXPECT_EQ(store.find(running.id), running);
  EXPECT_EQ(store.end(attempt_end::failed(running.current(), answer.error().message(), "", {})), standing::current);
}

TEST_P(JobStore, R2_AnAttemptThatWasGivenUpChangesNothingAndIsCounted) {
  const job first = store.start();
  test_clock::advance(11s);
  ASSERT_THAT(store.get(store->expire()).queued, ElementsAre(first.id));
  const job second = store.lease().at(0);
  ASSERT_EQ(second.attempt, 2);

  const attempt_id stale = first.current();
  EXPECT_EQ(store.end(attempt_end::done(stale, "\"wrong\"")), standing::stale);
  EXPECT_EQ(store.end(attempt_end::failed(stale, "wrong", "", {})), standing::stale);
  EXPECT_THAT(store.get(store->progress({{.attempt = stale, .progress = 0.9}})), ElementsAre(standing::stale));
  EXPECT_THAT(store.get(store->renew({stale, second.current()}, 60s)), ElementsAre(standing::stale, standing::current));
  EXPECT_EQ(store.count().stale, 4);

  job expected = second;
  expected.lease->until = test_clock::now() + 60s;
  EXPECT_EQ(store.find(first.id), expected);
}

TEST_P(JobStore, R2_AnEndedOrUnknownJobHasNoAttempts) {
  const job running = store.start();
  ASSERT_EQ(store.end(attempt_end::done(running.current(), "1")), standing::current);
  EXPECT_EQ(store.end(attempt_end::done(running.current(), "2")), standing::stale);
  EXPECT_EQ(store.end(attempt_end::done({job_id{99}, 1}, "2")), standing::stale);
  EXPECT_EQ(store.find(running.id).result, "1");
}

TEST_P(JobStore, R4_ALeaseThatIsRenewedDoesNotRunOut) {
  const job running = store.start();
  test_clock::advance(9s);
  ASSERT_THAT(store.get(store->renew({running.current()}, 10s)), ElementsAre(standing::current));
  test_clock::advance(9s);
  EXPECT_THAT(store.get(store->expire()).queued, IsEmpty());
  test_clock::advance(1s);
  EXPECT_THAT(store.get(store->expire()).queued, ElementsAre(running.id));
  EXPECT_EQ(store.find(running.id).error, "the worker \"w\" fell silent during attempt 1");
}

TEST_P(JobStore, R5_AJobThatKillsItsWorkersFailsInTheEnd) {
  job_id id = store.enqueue(any);
  reclaimed_jobs reclaimed;
  for (int crash = 1; crash <= 5; ++crash) {
    ASSERT_EQ(store.lease().size(), 1U);
    test_clock::advance(11s);
    reclaimed = store.get(store->expire());
  }
  EXPECT_THAT(reclaimed.failed, ElementsAre(id));
  const job failed = store.find(id);
  EXPECT_EQ(failed.state, job_state::failed);
  EXPECT_EQ(failed.crashes, 5);
  EXPECT_EQ(failed.failures, 0);
  EXPECT_EQ(failed.error, "given up after 5 crashes; the last one: the worker \"w\" fell silent during attempt 5");
}

TEST_P(JobStore, ARestartedWorkerTakesBackItsOwnJobsOnly) {
  store.get(store->enqueue({any, any, any}));
  store.lease(1, {"c"}, "mine");
  store.lease(1, {"c"}, "theirs");
  const reclaimed_jobs reclaimed = store.get(store->recover("mine"));
  EXPECT_THAT(reclaimed.queued, ElementsAre(job_id{1}));
  EXPECT_EQ(store.state_of(job_id{2}), job_state::running);
  EXPECT_EQ(store.find(job_id{1}).crashes, 1);
  EXPECT_EQ(store.lease(1, {"c"}, "mine").at(0).attempt, 2);
}

TEST_P(JobStore, AQueuedJobIsCancelledAtOnce) {
  const job_id id = store.enqueue(any);
  EXPECT_EQ(store.get(store->cancel(id)), cancel_answer::cancelled);
  EXPECT_EQ(store.state_of(id), job_state::cancelled);
  EXPECT_THAT(store.lease(), IsEmpty());
}

TEST_P(JobStore, ADelayedJobIsCancelledAtOnce) {
  const job_id id = store.enqueue({.calc = "c", .arguments = "", .delay = 5s});
  EXPECT_EQ(store.get(store->cancel(id)), cancel_answer::cancelled);
  test_clock::advance(6s);
  EXPECT_THAT(store.lease(), IsEmpty());
  EXPECT_EQ(store.count().delayed, 0);
}

TEST_P(JobStore, R6_ARunningJobIsAskedToStop) {
  const job running = store.start();
  EXPECT_EQ(store.get(store->cancel(running.id)), cancel_answer::requested);
  EXPECT_EQ(store.get(store->cancel(running.id)), cancel_answer::requested);
  EXPECT_THAT(store.get(store->renew({running.current()}, 10s)), ElementsAre(standing::cancel_requested));
  EXPECT_THAT(store.get(store->progress({{.attempt = running.current()}})), ElementsAre(standing::cancel_requested));
  EXPECT_EQ(store.end(attempt_end::stopped(running.current())), standing::current);
  EXPECT_EQ(store.state_of(running.id), job_state::cancelled);
}

TEST_P(JobStore, AJobThatWasAskedToStopDoesNotComeBackWhenItsWorkerDies) {
  const job running = store.start();
  store.get(store->cancel(running.id));
  EXPECT_THAT(store.get(store->recover("w")).cancelled, ElementsAre(running.id));
  EXPECT_EQ(store.state_of(running.id), job_state::cancelled);
}

TEST_P(JobStore, OnlyWhatHasNotEndedCanBeCancelled) {
  const job running = store.start();
  store.end(attempt_end::done(running.current(), "1"));
  EXPECT_TRUE(store.error_of(store->cancel(running.id)).is(errc::conflict));
  EXPECT_TRUE(store.error_of(store->cancel(job_id{9})).is(errc::not_found));
}

TEST_P(JobStore, R8_AReleasedJobIsNextAgainWithoutACrash) {
  const job running = store.start();
  store.enqueue(any);
  ASSERT_EQ(store.end(attempt_end::released(running.current())), standing::current);
  const job again = store.lease().at(0);
  EXPECT_EQ(again.id, running.id);
  EXPECT_EQ(again.attempt, 2);
  EXPECT_EQ(again.failures + again.crashes, 0);
}

TEST_P(JobStore, AFailedJobIsTriedAgainLater) {
  const retry_policy twice{.failures = 2, .first_delay = 3s};
  const job first = store.start();
  store.end(attempt_end::failed(first.current(), "no such unit", "use another", twice));
  job waiting = store.find(first.id);
  EXPECT_EQ(waiting.state, job_state::queued);
  EXPECT_EQ(waiting.error, "no such unit");
  EXPECT_EQ(waiting.hint, "use another");
  EXPECT_EQ(waiting.not_before, test_clock::now() + 3s);
  EXPECT_THAT(store.lease(), IsEmpty());
  test_clock::advance(3s);
  const job second = store.lease().at(0);
  store.end(attempt_end::failed(second.current(), "still none", "", twice));
  EXPECT_EQ(store.state_of(first.id), job_state::failed);
  EXPECT_EQ(store.find(first.id).failures, 2);
}

TEST_P(JobStore, ProgressIsThereForWhoeverAsks) {
  const job running = store.start();
  const std::string long_note(500, 'n');
  store.get(store->progress({{.attempt = running.current(), .progress = 0.25, .note = long_note}}));
  EXPECT_EQ(store.find(running.id).progress, 0.25);
  EXPECT_EQ(store.find(running.id).note, std::string(200, 'n'));
}

TEST_P(JobStore, ListsTheNewestFirstPageByPage) {
  for (int i = 0; i < 5; ++i) {
    store.enqueue({.calc = i % 2 == 0 ? "even" : "odd", .arguments = "{}"});
  }
  auto page = store.get(store->list({.most = 2}));
  EXPECT_THAT(ids(page.jobs), ElementsAre(job_id{5}, job_id{4}));
  EXPECT_EQ(page.jobs[0].arguments, "");
  page = store.get(store->list({.before = page.next, .most = 2}));
  EXPECT_THAT(ids(page.jobs), ElementsAre(job_id{3}, job_id{2}));
  page = store.get(store->list({.before = page.next, .most = 2}));
  EXPECT_THAT(ids(page.jobs), ElementsAre(job_id{1}));
  EXPECT_EQ(page.next, std::nullopt);
}

TEST_P(JobStore, ListsOnlyTheStateAndCalcThatWereAskedFor) {
  store.get(
      store->enqueue({{.calc = "c", .arguments = ""}, {.calc = "d", .arguments = ""}, {.calc = "c", .arguments = ""}}));
  store.lease(1, {"c"});
  EXPECT_THAT(ids(store.get(store->list({.state = job_state::queued})).jobs), ElementsAre(job_id{3}, job_id{2}));
  EXPECT_THAT(ids(store.get(store->list({.calc = "c"})).jobs), ElementsAre(job_id{3}, job_id{1}));
  EXPECT_THAT(ids(store.get(store->list({.state = job_state::running, .calc = "c"})).jobs), ElementsAre(job_id{1}));
  EXPECT_THAT(ids(store.get(store->list({.state = job_state::running, .calc = "d"})).jobs), IsEmpty());
}

TEST_P(JobStore, CountsEachState) {
  for (int i = 0; i < 3; ++i) {
    const job running = store.start();
    store.end(i == 0 ? attempt_end::failed(running.current(), "", "", {}) : attempt_end::done(running.current(), ""));
  }
  store.start();
  store.enqueue(any);
  store.get(store->cancel(store.enqueue(any)));
  EXPECT_THAT(store.count().in_state, ElementsAre(1, 1, 2, 1, 1));
}

TEST_P(JobStore, R14_SweepsWhatEndedLongAgo) {
  for (const char* file : {"1.csv", ""}) {
    const job running = store.start();
    store.end(attempt_end::done(running.current(), "", file));
  }
  test_clock::advance(1h);
  const job young = store.start();
  store.end(attempt_end::done(young.current(), "", "3.csv"));
  const job_id queued = store.enqueue(any);

  const auto swept = store.get(store->sweep({.keep_for = 59min}));
  EXPECT_EQ(swept.deleted, 2U);
  EXPECT_THAT(swept.result_files, ElementsAre("1.csv"));
  EXPECT_THAT(ids(store.get(store->list({})).jobs), ElementsAre(queued, young.id));
  EXPECT_THAT(store.count().in_state, ElementsAre(1, 0, 1, 0, 0));
}

TEST_P(JobStore, R14_SweepsWhatIsTooMuchOldestFirstALittleAtATime) {
  for (int i = 0; i < 5; ++i) {
    const job running = store.start();
    store.end(attempt_end::done(running.current(), ""));
    test_clock::advance(1ms);
  }
  EXPECT_EQ(store.get(store->sweep({.keep_most = 2, .most = 2})).deleted, 2U);
  EXPECT_EQ(store.get(store->sweep({.keep_most = 2, .most = 2})).deleted, 1U);
  EXPECT_EQ(store.get(store->sweep({.keep_most = 2, .most = 2})).deleted, 0U);
  EXPECT_THAT(ids(store.get(store->list({})).jobs), ElementsAre(job_id{5}, job_id{4}));
}

TEST_P(JobStore, AnIdIsNeverUsedAgainButAKeyIs) {
  const job_request request{.calc = "c", .arguments = "{}", .idempotency_key = "k"};
  const job running = store.start(request);
  store.end(attempt_end::done(running.current(), ""));
  ASSERT_EQ(store.get(store->sweep({.keep_most = 0})).deleted, 1U);
  EXPECT_EQ(store.try_enqueue(request), (enqueued_job{job_id{2}, enqueued_job::how::accepted}));
}

TEST_P(JobStore, TheHookHearsOfEveryChangeInItsOrderAfterTheAnswer) {
  std::vector<std::string> heard;
  store->on_change([&](const std::vector<job_change>& changes) {
    for (const job_change& change : changes) {
      heard.push_back(to_string(change.id) + " " + std::string(to_string(change.state)) +
                      (change.cancel_requested ? "!" : ""));
    }
  });
  auto enqueued = store->enqueue({any, any}).add_callback([&](auto answers) {
    heard.emplace_back("answer");
    return answers;
  });
  store.get(std::move(enqueued));
  const job running = store.lease().at(0);
  store.get(store->cancel(running.id));
  store.get(store->find(running.id));
  store.end(attempt_end::stopped(running.current()));
  EXPECT_THAT(heard, ElementsAre("answer", "1 queued", "2 queued", "1 running", "1 running!", "1 cancelled"));
}

TEST_P(JobStore, OperationsAreDoneInTheOrderOfTheirAsking) {
  std::vector<deferred<std::vector<result<enqueued_job>>>> asked;
  for (int i = 0; i < 50; ++i) {
    asked.push_back(store->enqueue({{.calc = "c", .arguments = std::to_string(i)}}));
  }
  auto leased = store->lease({.worker = "w", .most = 100, .lasting = 10s, .calcs = {"c"}});
  const std::vector<job> jobs = store.get(std::move(leased));
  ASSERT_EQ(jobs.size(), 50U);
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(jobs[i].arguments, std::to_string(i));
    EXPECT_EQ(std::move(asked[i]).take()->at(0)->id, jobs[i].id);
  }
}

TEST_P(JobStore, AnAnswerMayAskForMore) {
  auto state = store->enqueue({any})
                   .add_callback([&](auto answers) { return store->find(answers.at(0)->id); })
                   .add_callback([](job found) { return found.state; });
  EXPECT_EQ(store.get(std::move(state)), job_state::queued);
}

TEST_P(JobStore, WhatWasAskedForIsDoneAlsoWhenNobodyWaits) {
  {
    auto forgotten = store->enqueue({any});
  }
  {
    auto given_up = store->enqueue({any});
    given_up.cancel();
    EXPECT_FALSE(std::move(given_up).take());
  }
  EXPECT_EQ(store.count().of(job_state::queued), 2);
}

TEST_P(JobStore, ClosingFailsWhatIsNotAnswered) {
  auto first = store->enqueue({any});
  auto second = store->enqueue({any});
  store.close();
  EXPECT_TRUE(store.error_of(std::move(first)).is(errc::shutting_down));
  EXPECT_TRUE(store.error_of(std::move(second)).is(errc::shutting_down));
}

class FullJobStore : public ::testing::TestWithParam<engine> {
 protected:
  store_under_test store{GetParam(), {.queued_jobs = 2}};
};
INSTANTIATE_TEST_SUITE_P(Engines, FullJobStore, ::testing::Values(engine::memory, engine::sqlite),
                         [](const auto& kind) { return kind.param == engine::memory ? "Memory" : "Sqlite"; });

TEST_P(FullJobStore, R14_RefusesMoreThanItsBoundUntilSomethingIsLeased) {
  const auto answers = store.get(store->enqueue({any, any, any}));
  EXPECT_TRUE(answers.at(0) && answers.at(1));
  EXPECT_TRUE(answers.at(2).error().is(errc::full));
  EXPECT_THAT(answers.at(2).error().message(), HasSubstr("2 jobs wait, and that is the limit"));
  store.lease();
  EXPECT_TRUE(store.try_enqueue(any));
  EXPECT_FALSE(store.try_enqueue(any));
}

TEST_P(FullJobStore, StillAnswersARepeatedKey) {
  store.enqueue({.calc = "c", .arguments = "", .idempotency_key = "k"});
  store.enqueue(any);
  EXPECT_EQ(store.try_enqueue({.calc = "c", .arguments = "", .idempotency_key = "k"})->as, enqueued_job::how::repeated);
}

}  // namespace
}  // namespace whorl
