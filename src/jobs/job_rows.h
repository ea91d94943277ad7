// The job_rows of a store: jobs as they are kept, without any rule about them. An engine implements this, and
// job_engine does the rest.
//
// Invariant: a job has not_before only while it is queued, and is eligible while it is queued without it.
// Thread:    one at a time.
// Fails:     throws error.
#pragma once

#include <whorl/jobs/job_operation.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace whorl {

// How many jobs there are. Kept beside the rows, counted when a store is opened, so that no operation has to count.
struct job_totals {
  std::array<std::int64_t, job_states.size()> in_state{};
  std::int64_t delayed = 0;
  std::int64_t stale = 0;

  std::int64_t& of(job_state state) noexcept { return in_state[static_cast<std::size_t>(state)]; }
};

// What is needed to choose among eligible jobs.
struct eligible_job {
  job_id id{};
  int priority = 0;
};

class job_rows {
 public:
  virtual ~job_rows() = default;

  // Gives the job its id.
  virtual job_id insert(const job& accepted) = 0;

  // Writes what may change in a job's life: everything but what its request said.
  virtual void save(const job& after) = 0;
  virtual void erase(const job& ended) = 0;

  enum class parts : std::uint8_t { brief, whole };  // brief: without arguments and result
  virtual std::optional<job> load(job_id id, parts wanted) = 0;
  virtual std::optional<job> load_by_key(const std::string& idempotency_key) = 0;  // with its arguments

  // Makes delayed jobs eligible whose time has come; how many.
  virtual std::int64_t wake(utc_time now) = 0;
  virtual std::optional<utc_time> next_due() = 0;

  // The highest priority first, then the oldest.
  virtual std::vector<eligible_job> eligible(const std::string& calc, std::size_t most) = 0;

  // All brief, the oldest first.
  virtual std::vector<job> running() = 0;

  // Brief, the newest first.
  virtual std::vector<job> list(const list_jobs& filter) = 0;

  // Brief, those that ended first, first.
  virtual std::vector<job> ended(std::size_t most) = 0;
};

}  // namespace whorl
