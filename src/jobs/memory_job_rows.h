// The rows of a job store that lives in memory, with indexes like those of the SQLite store.
#pragma once

#include "jobs/job_rows.h"

#include <compare>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>

namespace whorl {

class memory_job_rows final : public job_rows {
 public:
  job_id insert(const job& accepted) override;
  void save(const job& after) override;
  void erase(const job& ended) override;
  std::optional<job> load(job_id id, parts wanted) override;
  std::optional<job> load_by_key(const std::string& idempotency_key) override;
  std::int64_t wake(utc_time now) override;
  std::optional<utc_time> next_due() override;
  std::vector<eligible_job> eligible(const std::string& calc, std::size_t most) override;
  std::vector<job> running() override;
  std::vector<job> list(const list_jobs& filter) override;
  std::vector<job> ended(std::size_t most) override;

 private:
  using rank = std::pair<std::int64_t, job_id>;  // the priority, negated, so that the highest comes first
  using timed = std::pair<utc_time, job_id>;

  void add_to_index(const job& one);
  void take_from_index(const job& one);

  std::int64_t last_id_ = 0;
  std::map<job_id, job> jobs_;
  std::unordered_map<std::string, job_id> by_key_;
  std::map<std::string, std::set<rank>> eligible_;  // by calc
  std::set<timed> delayed_;
  std::set<job_id> running_;
  std::set<timed> ended_;
};

}  // namespace whorl
