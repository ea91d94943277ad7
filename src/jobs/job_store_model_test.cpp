// Long random sequences of operations, compared after every step with a model that is too simple to be wrong: a list
// of jobs that is searched from one end to the other. WHORL_SEED=N repeats a run.
#include "jobs/job_store_under_test.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <random>
#include <ranges>
#include <set>

namespace whorl {
namespace {

using namespace std::chrono_literals;
using testing::engine;
using testing::store_under_test;
using testing::test_clock;

constexpr job_limits limits{.queued_jobs = 12, .crashes = 3};
const std::vector<std::string> calcs = {"a", "b", "c"};
const std::vector<std::string> workers = {"v", "w"};

class model {
 public:
  std::vector<job> jobs;  // in the order of their ids; swept ones are missing
  std::int64_t last_id = 0;
  std::int64_t stale = 0;

  job* at(job_id id) {
    const auto found = std::ranges::find(jobs, id, &job::id);
    return found == jobs.end() ? nullptr : &*found;
  }
  std::int64_t queued() const { return std::ranges::count(jobs, job_state::queued, &job::state); }

  // What the store's time does by itself, whenever it looks for eligible jobs.
  void wake() {
    for (job& one : jobs) {
      if (one.not_before && *one.not_before <= test_clock::now()) {
        one.not_before.reset();
      }
    }
  }

  // The id, or the code of the refusal.
  std::expected<job_id, errc> enqueue(const job_request& asked) {
    for (const job& one : jobs) {
      if (!asked.idempotency_key.empty() && one.idempotency_key == asked.idempotency_key) {
        const bool same = one.calc == asked.calc && one.arguments == asked.arguments && one.priority == asked.priority;
        if (same) {
          return one.id;
        }
        return std::unexpected(errc::conflict);
      }
    }
    if (queued() >= limits.queued_jobs) {
      return std::unexpected(errc::full);
    }
    job one;
    one.id = job_id{++last_id};
    one.calc = asked.calc;
    one.arguments = asked.arguments;
    one.idempotency_key = asked.idempotency_key;
    one.priority = asked.priority;
    one.created = test_clock::now();
    if (asked.delay > 0ms) {
      one.not_before = test_clock::now() + asked.delay;
    }
    jobs.push_back(one);
    return one.id;
  }

  std::vector<job> lease(const lease_jobs& asked) {
    wake();
    std::vector<job> leased;
    while (leased.size() < asked.most) {
      job* best = nullptr;
      for (job& one : jobs) {
        const bool fits =
            one.state == job_state::queued && !one.not_before && std::ranges::count(asked.calcs, one.calc) > 0;
        if (fits && (best == nullptr || one.priority > best->priority)) {
          best = &one;
        }
      }
      if (best == nullptr) {
        break;
      }
      best->state = job_state::running;
      best->attempt += 1;
      best->started = test_clock::now();
      best->lease = job_lease{asked.worker, test_clock::now() + asked.lasting};
      best->progress = 0;
      best->note = "";
      leased.push_back(*best);
    }
    return leased;
  }

  // The running job of this attempt; counts it as stale if there is none.
  job* running(attempt_id attempt) {
    job* one = at(attempt.job);
    if (one != nullptr && one->state == job_state::running && one->attempt == attempt.number) {
      return one;
    }
    ++stale;
    return nullptr;
  }

  void queue_again(job& one, std::optional<utc_time> not_before) {
    one.lease.reset();
    if (one.cancel_requested) {
      return finish(one, job_state::cancelled);
    }
    one.state = job_state::queued;
    one.not_before = not_before;
  }
  void finish(job& one, job_state state) {
    if (one.cancel_requested && state != job_state::done) {
      state = job_state::cancelled;
    }
    one.lease.reset();
    one.cancel_requested = false;
    one.not_before.reset();
    one.state = state;
    one.finished = test_clock::now();
  }
  void crash(job& one, const std::string& why, const std::string& hint) {
    one.error = why;
    one.hint = hint;
    one.crashes += 1;
    if (one.crashes < limits.crashes) {
      return queue_again(one, std::nullopt);
    }
    one.error = "given up after 3 crashes; the last one: " + why;
    if (hint.empty()) {
      one.hint = "find out what makes this calculation kill its worker before submitting it again";
    }
    finish(one, job_state::failed);
  }
  void end(job& one, const attempt_end& how) {
    switch (how.as) {
      case attempt_end::how::done:
        one.result = how.text;
        one.result_file = how.result_file;
        one.progress = 1;
        one.error = one.hint = "";
        return finish(one, job_state::done);
      case attempt_end::how::failed:
        one.error = how.text;
        one.hint = how.hint;
        one.failures += 1;
        if (one.failures >= how.retry.failures) {
          return finish(one, job_state::failed);
        }
        return queue_again(one, test_clock::now() + how.retry.first_delay * (1 << (one.failures - 1)));
      case attempt_end::how::crashed: return crash(one, how.text, how.hint);
      case attempt_end::how::stopped: return finish(one, job_state::cancelled);
      case attempt_end::how::released: return queue_again(one, std::nullopt);
    }
  }

  template <class Lost>
  reclaimed_jobs reclaim(Lost lost, const std::string& verb) {
    reclaimed_jobs reclaimed;
    for (job& one : jobs) {
      if (one.state == job_state::running && lost(one)) {
        const bool was_asked_to_stop = one.cancel_requested;
        crash(one,
              "the worker \"" + one.lease->worker + "\" " + verb + " during attempt " + std::to_string(one.attempt),
              "");
        auto& where = was_asked_to_stop                ? reclaimed.cancelled
                      : one.state == job_state::failed ? reclaimed.failed
                                                       : reclaimed.queued;
        where.push_back(one.id);
      }
    }
    return reclaimed;
  }

  std::size_t sweep(const sweep_jobs& asked) {
    std::size_t deleted = 0;
    while (deleted < asked.most) {
      job* first = nullptr;
      std::int64_t ended = 0;
      for (job& one : jobs) {
        if (!one.finished) {
          continue;
        }
        ++ended;
        if (first == nullptr || *one.finished < *first->finished) {
          first = &one;
        }
      }
      if (first == nullptr || (ended <= asked.keep_most && test_clock::now() - *first->finished <= asked.keep_for)) {
        break;
      }
      jobs.erase(jobs.begin() + (first - jobs.data()));
      ++deleted;
    }
    return deleted;
  }
};

class JobStoreModel : public ::testing::TestWithParam<engine> {
 protected:
  JobStoreModel() {
    const char* asked = std::getenv("WHORL_SEED");
    seed = asked != nullptr ? std::strtoul(asked, nullptr, 10) : std::random_device()();
    random.seed(seed);
    RecordProperty("seed", std::to_string(seed));
  }

  int up_to(int most) { return std::uniform_int_distribution(0, most)(random); }
  template <class T>
  const T& one_of(const std::vector<T>& some) {
    return some[up_to(static_cast<int>(some.size()) - 1)];
  }

  job_request some_request() {
    return {.calc = one_of(calcs),
            .arguments = std::to_string(up_to(1)),
            .idempotency_key = up_to(2) == 0 ? "key" + std::to_string(up_to(6)) : "",
            .priority = up_to(2) - 1,
            .delay = up_to(3) == 0 ? std::chrono::milliseconds(up_to(20)) : 0ms};
  }
  job_id some_id() { return job_id{1 + up_to(static_cast<int>(expected.last_id))}; }
  // Mostly one that runs; sometimes one that is over or never was.
  attempt_id some_attempt() {
    std::vector<attempt_id> running;
    for (const job& one : expected.jobs) {
      if (one.state == job_state::running) {
        running.push_back(one.current());
      }
    }
    if (running.empty() || up_to(4) == 0) {
      return {.job = some_id(), .number = up_to(2)};
    }
    return one_of(running);
  }
  attempt_end some_end() {
    const attempt_id attempt = some_attempt();
    switch (up_to(4)) {
      case 0: return attempt_end::failed(attempt, "failed", "hint", {.failures = 1 + up_to(3), .first_delay = 5ms});
      case 1: return attempt_end::crashed(attempt, "crashed", up_to(1) == 0 ? "" : "hint");
      case 2: return attempt_end::stopped(attempt);
      case 3: return attempt_end::released(attempt);
      default: return attempt_end::done(attempt, "result", up_to(1) == 0 ? "" : "file");
    }
  }

  void step();
  void enqueue();
  void lease();
  void renew();
  void note();
  void end();
  void cancel();
  void reclaim();
  void sweep();
  void compare();

  store_under_test store{GetParam(), limits};
  model expected;
  std::mt19937 random;
  unsigned long seed = 0;
};

void JobStoreModel::enqueue() {
  std::vector<job_request> requests;
  for (int i = up_to(2); i >= 0; --i) {
    requests.push_back(some_request());
  }
  const auto answers = store.get(store->enqueue(requests));
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const auto id = expected.enqueue(requests[i]);
    ASSERT_EQ(answers[i].has_value(), id.has_value());
    EXPECT_TRUE(id ? answers[i]->id == *id : answers[i].error().is(id.error()));
  }
}

void JobStoreModel::lease() {
  lease_jobs asked{.worker = one_of(workers), .most = static_cast<std::size_t>(up_to(3)), .lasting = 10ms};
  std::ranges::copy_if(calcs, std::back_inserter(asked.calcs), [&](const auto&) { return up_to(2) > 0; });
  const std::vector<job> leased = expected.lease(asked);
  EXPECT_EQ(store.get(store->lease(asked)), leased);
}

void JobStoreModel::renew() {
  const std::vector<attempt_id> attempts = {some_attempt(), some_attempt()};
  const auto answers = store.get(store->renew(attempts, 20ms));
  for (std::size_t i = 0; i < attempts.size(); ++i) {
    job* one = expected.running(attempts[i]);
    EXPECT_EQ(answers[i], one == nullptr          ? standing::stale
                          : one->cancel_requested ? standing::cancel_requested
                                                  : standing::current);
    if (one != nullptr) {
      one->lease->until = test_clock::now() + 20ms;
    }
  }
}

void JobStoreModel::note() {
  const progress_report report{.attempt = some_attempt(), .progress = up_to(4) / 4.0, .note = "note"};
  const auto answers = store.get(store->progress({report}));
  job* one = expected.running(report.attempt);
  EXPECT_EQ(answers[0] == standing::stale, one == nullptr);
  if (one != nullptr) {
    one->progress = report.progress;
    one->note = report.note;
  }
}

void JobStoreModel::end() {
  const attempt_end how = some_end();
  const auto answer = store.end(how);
  job* one = expected.running(how.attempt);
  EXPECT_EQ(answer, one == nullptr ? standing::stale : standing::current);
  if (one != nullptr) {
    expected.end(*one, how);
  }
}

void JobStoreModel::cancel() {
  const job_id id = some_id();
  auto answer = testing::wait_for_outcome(store.loop(), store->cancel(id));
  job* one = expected.at(id);
  if (one == nullptr) {
    EXPECT_TRUE(!answer && answer.error().check(errc::not_found));
  } else if (one->finished) {
    EXPECT_TRUE(!answer && answer.error().check(errc::conflict));
  } else if (one->state == job_state::running) {
    EXPECT_TRUE(answer && *answer == cancel_answer::requested);
    one->cancel_requested = true;
  } else {
    EXPECT_TRUE(answer && *answer == cancel_answer::cancelled);
    expected.finish(*one, job_state::cancelled);
  }
}

void JobStoreModel::reclaim() {
  reclaimed_jobs told;
  reclaimed_jobs right;
  if (up_to(2) == 0) {
    const std::string worker = one_of(workers);
    told = store.get(store->recover(worker));
    right = expected.reclaim([&](const job& one) { return one.lease->worker == worker; }, "died");
  } else {
    told = store.get(store->expire());
    right = expected.reclaim([](const job& one) { return one.lease->until <= test_clock::now(); }, "fell silent");
  }
  EXPECT_EQ(told.queued, right.queued);
  EXPECT_EQ(told.failed, right.failed);
  EXPECT_EQ(told.cancelled, right.cancelled);
}

void JobStoreModel::sweep() {
  const sweep_jobs asked{.keep_for = std::chrono::milliseconds(up_to(200)), .keep_most = up_to(20), .most = 3};
  const auto swept = store.get(store->sweep(asked));
  EXPECT_EQ(swept.deleted, expected.sweep(asked));
}

void JobStoreModel::step() {
  const int die = up_to(19);
  if (die < 5) {
    return enqueue();
  }
  if (die < 9) {
    return lease();
  }
  if (die < 13) {
    return end();
  }
  switch (die) {
    case 13: return renew();
    case 14: return note();
    case 15: return cancel();
    case 16: return reclaim();
    case 17: return sweep();
    default: test_clock::advance(std::chrono::milliseconds(up_to(8)));
  }
}

void JobStoreModel::compare() {
  const auto listed = store.get(store->list({.most = 1000})).jobs;
  ASSERT_EQ(listed.size(), expected.jobs.size());
  const auto counts = store.count();
  expected.wake();
  for (const job_state state : job_states) {
    EXPECT_EQ(counts.of(state), std::ranges::count(expected.jobs, state, &job::state)) << to_string(state);
  }
  std::set<utc_time> due;
  for (const job& one : expected.jobs) {
    EXPECT_EQ(store.find(one.id), one) << to_string(one.id);
    if (one.not_before) {
      due.insert(*one.not_before);
    }
  }
  EXPECT_EQ(counts.next_due, due.empty() ? std::nullopt : std::optional(*due.begin()));
  EXPECT_EQ(counts.delayed,
            std::ranges::count_if(expected.jobs, [](const job& one) { return one.not_before.has_value(); }));
  EXPECT_EQ(counts.stale, expected.stale);
}

TEST_P(JobStoreModel, AgreesWithTheModel) {
  SCOPED_TRACE("WHORL_SEED=" + std::to_string(seed));
  constexpr int steps = 2000;
  for (int i = 1; i <= steps && !HasFailure(); ++i) {
    SCOPED_TRACE("step " + std::to_string(i));
    step();
    if (i % 20 == 0) {
      compare();
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Engines, JobStoreModel, ::testing::Values(engine::memory, engine::sqlite),
                         [](const auto& kind) { return kind.param == engine::memory ? "Memory" : "Sqlite"; });

}  // namespace
}  // namespace whorl
