// A job_engine answers operations by applying the rules of a job's life to rows.
//
// Thread:   one at a time.
// Lifetime: for one group of operations: the rows, the limits and the totals are its caller's.
// Fails:    what an operation refuses is its answer; what the rows throw passes through.
#pragma once

#include "jobs/job_rows.h"

#include <whorl/jobs/job_operation.h>

#include <utility>
#include <vector>

namespace whorl {

class job_engine {
 public:
  job_engine(job_rows& rows, job_totals& totals, const job_limits& limits, utc_time now) noexcept
      : rows_(rows), totals_(totals), limits_(limits), now_(now) {}

  result<job_answer> apply(job_operation operation);

  std::vector<job_change> take_changes() noexcept { return std::move(changes_); }

 private:
  result<enqueue_jobs::answer> answer(enqueue_jobs operation);
  result<lease_jobs::answer> answer(const lease_jobs& operation);
  result<renew_leases::answer> answer(const renew_leases& operation);
  result<report_progress::answer> answer(const report_progress& operation);
  result<end_attempts::answer> answer(end_attempts operation);
  result<cancel_job::answer> answer(const cancel_job& operation);
  result<find_job::answer> answer(const find_job& operation);
  result<list_jobs::answer> answer(list_jobs operation);
  result<count_jobs::answer> answer(const count_jobs& operation);
  result<expire_leases::answer> answer(const expire_leases& operation);
  result<recover_leases::answer> answer(const recover_leases& operation);
  result<sweep_jobs::answer> answer(const sweep_jobs& operation);

  result<enqueued_job> enqueue(job_request request);
  result<standing> end(attempt_end how);
  void wake();
  std::vector<eligible_job> choose(const lease_jobs& operation);
  void reclaim(job lost, std::string why, reclaimed_jobs& reclaimed);

  // Calls change(job) if the attempt is the running one, and saves.
  template <class Change>
  standing change_attempt(attempt_id attempt, Change change);

  void save(const job& before, const job& after);
  void count(const job& one, int by) noexcept;
  void tell(const job& changed);

  job_rows& rows_;
  job_totals& totals_;
  const job_limits& limits_;
  utc_time now_;
  std::vector<job_change> changes_;
};

}  // namespace whorl
