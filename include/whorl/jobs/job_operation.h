// What can be asked of a job store, as data: each operation is a struct that names its answer. Operations on several
// jobs judge each one by itself, in order, and answer in the same order.
//
// Thread: values; they travel to whatever place the store's engine lives in.
#pragma once

#include <whorl/jobs/job.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace whorl {

// What a store refuses, cuts short, or gives up on.
struct job_limits {
  std::size_t argument_bytes = 64 * 1024;
  std::size_t result_bytes = 256 * 1024;
  std::size_t name_bytes = 200;        // of calcs, workers, idempotency keys and result files
  std::size_t note_bytes = 200;        // longer notes are cut
  std::size_t error_bytes = 4 * 1024;  // longer errors and hints are cut
  std::int64_t queued_jobs = 100'000;  // more are refused with errc::full
  int crashes = 5;                     // at this many a job fails instead of being queued again
};

// The job that a request became, or had become before under the same idempotency key.
struct enqueued_job {
  enum class how : std::uint8_t { accepted, repeated };
  job_id id{};
  how as = how::accepted;

  bool operator==(const enqueued_job&) const = default;
};

// Fails, each by itself: errc::too_large, errc::bad_input (no calc), errc::full, errc::conflict (the key belongs to a
// different request: another calc, other arguments or another priority).
struct enqueue_jobs {
  using answer = std::vector<result<enqueued_job>>;
  std::vector<job_request> requests;
};

// Takes up to `most` eligible jobs, the highest priority first, then the oldest. Each becomes a new attempt.
struct lease_jobs {
  using answer = std::vector<job>;
  std::string worker;
  std::size_t most = 1;
  std::chrono::milliseconds lasting{};
  std::vector<std::string> calcs{};  // what this worker can run now; others wait
};

// What an attempt is worth to the store.
enum class standing : std::uint8_t {
  current,
  cancel_requested,  // current, but it should stop
  stale,             // the job has moved on: nothing was changed; stop working on it
};

// Makes leases last so long from now.
struct renew_leases {
  using answer = std::vector<standing>;
  std::vector<attempt_id> attempts;
  std::chrono::milliseconds lasting{};
};

struct progress_report {
  attempt_id attempt;
  double progress = 0;  // clamped to 0..1
  std::string note{};
};

struct report_progress {
  using answer = std::vector<standing>;
  std::vector<progress_report> reports;
};

// When a failed job is tried again: after first_delay, twice that, and so on up to longest_delay.
struct retry_policy {
  int failures = 1;  // at this many the job has failed
  std::chrono::milliseconds first_delay = std::chrono::seconds(1);
  std::chrono::milliseconds longest_delay = std::chrono::minutes(5);
};

// How an attempt ended.
struct attempt_end {
  enum class how : std::uint8_t {
    done,
    failed,    // the calc reported an error
    crashed,   // what ran the calc died
    stopped,   // because of a cancel
    released,  // handed back unfinished, as when a server drains: neither a failure nor a crash
  };

  attempt_id attempt;
  how as = how::done;
  std::string text{};         // done: the result; failed, crashed: the error
  std::string result_file{};  // done
  std::string hint{};         // failed, crashed
  retry_policy retry{};       // failed

  static attempt_end done(attempt_id attempt, std::string result, std::string result_file = {});
  static attempt_end failed(attempt_id attempt, std::string error, std::string hint, retry_policy retry);
  static attempt_end crashed(attempt_id attempt, std::string error, std::string hint);
  static attempt_end stopped(attempt_id attempt);
  static attempt_end released(attempt_id attempt);
};

// Answers standing::current for an end that was written down. An attempt that is asked to stop and ends otherwise than
// done leaves its job cancelled.
// Fails, each by itself: errc::too_large for a result beyond the limit; the attempt goes on.
struct end_attempts {
  using answer = std::vector<result<standing>>;
  std::vector<attempt_end> ends;
};

enum class cancel_answer : std::uint8_t {
  cancelled,  // it was queued, and is cancelled
  requested,  // it is running; its worker learns of it by the next renewal or report of progress
};

// Fails: errc::not_found; errc::conflict for a job that has ended.
struct cancel_job {
  using answer = cancel_answer;
  job_id id{};
};

// Fails: errc::not_found.
struct find_job {
  using answer = job;
  job_id id{};
};

// The newest first, without arguments and results.
struct list_jobs {
  struct answer;
  std::optional<job_state> state{};
  std::string calc{};              // empty: any
  std::optional<job_id> before{};  // the cursor: only older ones
  std::size_t most = 100;
};

struct list_jobs::answer {
  std::vector<job> jobs;
  std::optional<job_id> next;  // where the next page begins; none: this was the last
};

struct count_jobs {
  struct answer;
};

struct count_jobs::answer {
  std::array<std::int64_t, job_states.size()> in_state{};
  std::int64_t delayed = 0;          // queued, but not eligible yet
  std::optional<utc_time> next_due;  // when the first of the delayed becomes eligible
  std::int64_t stale = 0;            // renewals, reports and ends that came too late, since the store was opened

  std::int64_t of(job_state state) const noexcept { return in_state[static_cast<std::size_t>(state)]; }
  std::int64_t eligible() const noexcept { return of(job_state::queued) - delayed; }
};

// Jobs whose attempt was given up.
struct reclaimed_jobs {
  std::vector<job_id> queued;     // to be run again
  std::vector<job_id> failed;     // they crashed too often
  std::vector<job_id> cancelled;  // a cancel had been requested
};

// Takes back the jobs whose lease ran out. Counts as a crash.
struct expire_leases {
  using answer = reclaimed_jobs;
};

// Takes back every running job of this worker: for a server that starts, of its earlier process. Counts as a crash.
struct recover_leases {
  using answer = reclaimed_jobs;
  std::string worker;
};

// Deletes ended jobs that ended longer than keep_for ago, or are not among the keep_most that ended last; at most
// `most` of them, so that the store is soon free for others.
struct sweep_jobs {
  struct answer;
  std::chrono::milliseconds keep_for = std::chrono::days(7);
  std::int64_t keep_most = 100'000;
  std::size_t most = 1'000;
};

struct sweep_jobs::answer {
  std::size_t deleted = 0;
  std::vector<std::string> result_files;  // of the deleted jobs; now nobody's
};

using job_operation = std::variant<enqueue_jobs, lease_jobs, renew_leases, report_progress, end_attempts, cancel_job,
                                   find_job, list_jobs, count_jobs, expire_leases, recover_leases, sweep_jobs>;

using job_answer = std::variant<enqueue_jobs::answer, lease_jobs::answer, renew_leases::answer, end_attempts::answer,
                                cancel_job::answer, find_job::answer, list_jobs::answer, count_jobs::answer,
                                reclaimed_jobs, sweep_jobs::answer>;

// What became of one job, for whoever watches.
struct job_change {
  job_id id{};
  job_state state = job_state::queued;
  bool cancel_requested = false;
  double progress = 0;
  std::string note{};

  bool operator==(const job_change&) const = default;
};

// The outcome of several operations that were run one after the other and made durable together.
struct answered_operations {
  std::vector<result<job_answer>> answers;
  std::vector<job_change> changes;
};

}  // namespace whorl
