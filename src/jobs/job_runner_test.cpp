#include <gtest/gtest.h>
#include <whorl/jobs/file_roots.h>
#include <whorl/jobs/job_runner.h>
#include <whorl/jobs/memory_job_store.h>
#include <whorl/jobs/unit_system.h>
#include <whorl/places/lane.h>
#include <whorl/places/thread_pool.h>
#include <whorl/testing/captured_log.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "jobs/job_store_under_test.h"

namespace whorl {
namespace {

using namespace std::chrono_literals;
using testing::temporary_folder;
using testing::test_clock;

// What the calcs under test do, and saw.
struct stage_play {
  reactor* loop = nullptr;
  std::size_t running = 0;
  std::size_t most_running = 0;
  std::vector<std::int64_t> began;
};
stage_play play;

struct counted_run {
  counted_run() { play.most_running = std::max(play.most_running, ++play.running); }
  counted_run(const counted_run&) = delete;
  counted_run& operator=(const counted_run&) = delete;
  ~counted_run() { --play.running; }
};

deferred<calc_result> sleeps(calc_run run) {
  const counted_run counted;
  const auto seconds = run.arguments.find("seconds")->as_integer();
  play.began.push_back(seconds);
  co_await play.loop->sleep(std::chrono::seconds(seconds));
  co_return calc_result{.answer = value(seconds), .table = std::nullopt, .parts = {}};
}

deferred<calc_result> breaks(calc_run /*run*/) {
  co_await succeed();
  throw std::out_of_range("index 7 of 3");
}

calc calc_of(std::string name, deferred<calc_result> (*run)(calc_run)) {
  calc made;
  made.name = std::move(name);
  made.summary = "for tests";
  made.places = {{.place = place_kind::loop, .reason = "it only waits"}};
  if (run == sleeps) {
    made.parameters = {{.name = "seconds",
                        .kind = parameter_kind::integer,
                        .summary = "how long",
                        .otherwise = std::nullopt,
                        .least = std::nullopt,
                        .most = std::nullopt}};
  }
  made.run = run;
  return made;
}

// A runner on a loop in memory, whose clock jumps from event to event; the store's clock follows it.
class JobRunner : public ::testing::Test {
 protected:
  JobRunner() {
    play = stage_play{.loop = &loop_, .running = 0, .most_running = 0, .began = {}};
    calcs_.add(calc_of("sleeps", sleeps));
    calcs_.add(calc_of("breaks", breaks));
    options_.results = folder_.file("");
    store_->on_change([this](const std::vector<job_change>& changes) {
      for (const auto& change : changes) {
        if (change.state == job_state::queued && runner_) {
          runner_->work_arrived();
        }
      }
    });
  }

  void start() {
    runner_.emplace(loop_, *store_, calcs_,
                    calc_places{.pool = pool_, .pool_threads = 1, .units = units_, .inputs = nullptr}, options_);
    finish(runner_->start());
  }

  job_id submit(std::string calc, std::string arguments) {
    std::vector<job_request> requests(1);
    requests[0].calc = std::move(calc);
    requests[0].arguments = std::move(arguments);
    return finish(store_->enqueue(std::move(requests))).front()->id;
  }

  job look(job_id id) { return finish(store_->find(id)); }

  void turn() {
    const time_point before = loop_.now();
    loop_.turn(std::nullopt);
    test_clock::advance(std::chrono::duration_cast<std::chrono::milliseconds>(loop_.now() - before));
  }

  template <class T>
  T finish(deferred<T> awaited) {
    auto fired = std::move(awaited).add_both([this](outcome<detail::stored<T>> came) {
      loop_.io().wake();  // the turn that brought it may be about to wait for something else
      return came;
    });
    while (!fired.ready()) {
      turn();
    }
    auto came = std::move(fired).take();
    if constexpr (std::is_void_v<T>) {
      EXPECT_TRUE(came.has_value()) << came.error().describe();
    } else {
      return std::move(came.value());
    }
  }

  void run_for(std::chrono::seconds time) {
    const time_point until = loop_.now() + time;
    while (loop_.now() < until) {
      turn();
    }
  }

  job run_to_the_end(job_id id) {
    for (int turns = 0; turns < most_turns && !has_ended(look(id).state); ++turns) {
      turn();
    }
    return look(id);
  }

  static constexpr int most_turns = 200'000;

  temporary_folder folder_;
  reactor loop_{make_memory_backend(make_memory_network(1))};
  thread_pool pool_{{.name = "pool", .most_threads = 1}};
  lane<unit_system> units_{{.name = "units"}};
  calc_registry calcs_;
  job_runner_options options_;
  std::unique_ptr<job_store> store_ = make_memory_job_store(loop_, {.limits = {}, .clock = test_clock::now});
  std::optional<job_runner> runner_;
};

TEST_F(JobRunner, RunsWhatIsQueuedAndWritesDownHowItEnded) {
  start();
  const job done = run_to_the_end(submit("sleeps", R"({"seconds":3})"));
  EXPECT_EQ(done.state, job_state::done);
  EXPECT_EQ(done.result, R"({"answer":3,"parts":[]})");
}

TEST_F(JobRunner, AnExceptionIsThatJobsFailure) {
  start();
  const job failed = run_to_the_end(submit("breaks", "{}"));
  EXPECT_EQ(failed.state, job_state::failed);
  EXPECT_NE(failed.error.find("index 7 of 3"), std::string::npos) << failed.error;
}

TEST_F(JobRunner, R1_AJobThatTakesDaysIsRunOnceBecauseTheLoopRenewsItsLease) {
  start();
  const job done = run_to_the_end(submit("sleeps", R"({"seconds":7200})"));
  EXPECT_EQ(done.state, job_state::done);
  EXPECT_EQ(done.attempt, 1);
  EXPECT_EQ(done.crashes, 0);
}

TEST_F(JobRunner, R2_AnAttemptThatWasGivenUpIsStoppedAndChangesNothing) {
  options_.slots_on_loop = 2;
  start();
  const job_id id = submit("sleeps", R"({"seconds":40})");
  run_for(5s);
  EXPECT_EQ(finish(store_->recover("server")).queued.size(), 1U);
  const job done = run_to_the_end(id);
  EXPECT_EQ(done.state, job_state::done);
  EXPECT_EQ(done.attempt, 2);
  EXPECT_EQ(play.running, 0U);
}

TEST_F(JobRunner, R3_TakesNoMoreThanItHasSlotsFor) {
  options_.slots_on_loop = 2;
  start();
  std::vector<job_id> all;
  for (int i = 0; i < 6; ++i) {
    all.push_back(submit("sleeps", R"({"seconds":5})"));
  }
  for (const job_id id : all) {
    EXPECT_EQ(run_to_the_end(id).state, job_state::done);
  }
  EXPECT_EQ(play.most_running, 2U);
}

TEST_F(JobRunner, R4_WhatAnEarlierProcessLeftRunningIsRunAgain) {
  const job_id id = submit("sleeps", R"({"seconds":1})");
  lease_jobs by_the_dead;
  by_the_dead.worker = options_.worker;
  by_the_dead.lasting = 1h;
  by_the_dead.calcs = {"sleeps"};
  ASSERT_EQ(finish(store_->lease(std::move(by_the_dead))).size(), 1U);
  start();
  const job done = run_to_the_end(id);
  EXPECT_EQ(done.state, job_state::done);
  EXPECT_EQ(done.attempt, 2);
}

TEST_F(JobRunner, R6_ARunningJobCanBeCancelled) {
  start();
  const job_id id = submit("sleeps", R"({"seconds":1000})");
  run_for(2s);
  EXPECT_EQ(finish(store_->cancel(id)), cancel_answer::requested);
  runner_->stop(id);
  const time_point asked = loop_.now();
  EXPECT_EQ(run_to_the_end(id).state, job_state::cancelled);
  EXPECT_LT(loop_.now() - asked, 5s);
  EXPECT_EQ(play.running, 0U);
}

TEST_F(JobRunner, R8_DrainingTakesNothingNewAndWaitsForWhatRuns) {
  options_.slots_on_loop = 1;
  start();
  const job_id runs = submit("sleeps", R"({"seconds":20})");
  run_for(1s);
  const job_id waits = submit("sleeps", R"({"seconds":1})");
  finish(runner_->drain());
  EXPECT_EQ(look(runs).state, job_state::done);
  EXPECT_EQ(look(waits).state, job_state::queued);
}

TEST_F(JobRunner, R8_WhatTakesTooLongToDrainIsHandedBack) {
  options_.drain_limit = 10s;
  start();
  const job_id id = submit("sleeps", R"({"seconds":1000})");
  run_for(1s);
  finish(runner_->drain());
  const job back = look(id);
  EXPECT_EQ(back.state, job_state::queued);
  EXPECT_EQ(back.failures, 0);
  EXPECT_EQ(back.crashes, 0);
}

TEST_F(JobRunner, ADelayedJobWaitsInTheStore) {
  start();
  std::vector<job_request> requests(1);
  requests[0].calc = "sleeps";
  requests[0].arguments = R"({"seconds":1})";
  requests[0].delay = 30s;
  const job_id id = finish(store_->enqueue(std::move(requests))).front()->id;
  run_for(20s);
  EXPECT_EQ(look(id).state, job_state::queued);
  run_for(20s);
  EXPECT_EQ(look(id).state, job_state::done);
}

TEST_F(JobRunner, AJobWhoseCalcIsNotOfferedIsLeftForOthers) {
  start();
  const job_id id = submit("of.another.server", "{}");
  const testing::captured_log told;
  run_for(10s);
  EXPECT_EQ(look(id).state, job_state::queued);
  EXPECT_TRUE(told.contains("none is leased"));
}

TEST_F(JobRunner, DoesNotTellOfWaitingJobsWhileItRunsShortOnes) {
  start();
  submit("of.another.server", "{}");
  const testing::captured_log told;
  finish(loop_.sleep(500ms));  // so that the runner looks between two jobs
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(run_to_the_end(submit("breaks", "{}")).state, job_state::failed);
    finish(loop_.sleep(1s));
  }
  EXPECT_FALSE(told.contains("none is leased"));
}

}  // namespace
}  // namespace whorl
