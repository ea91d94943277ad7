// A job_runner takes jobs from a store, runs their calcs, and writes down how they ended. It is the only one who knows
// what runs at this moment.
//
// It leases no more jobs than it has free slots, and renews the leases from the loop, whatever the places are doing: a
// calculation may take days. A job whose lease was lost meanwhile is stopped, and its result changes nothing.
//
// Thread:   the loop's.
// Lifetime: the store, the registry and the places outlive it. Destroying it stops what runs and leaves the jobs to
//           the store's recovery; drain() before it ends them in order.
#pragma once

#include <whorl/deferred/deferred.h>
#include <whorl/jobs/calc.h>
#include <whorl/jobs/job_store.h>
#include <whorl/reactor/reactor.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace whorl {

struct job_runner_options {
  std::string worker = "server";
  std::filesystem::path results;     // the directory for tables; it exists
  std::size_t slots_in_lane = 64;    // jobs at once whose first place is a lane: they are short, and queue there
  std::size_t slots_in_pool = 2;     // jobs at once whose first place is the pool
  std::size_t slots_in_process = 2;  // jobs at once whose first place is a process
  std::size_t slots_on_loop = 1000;  // coroutines, which cost little
  std::chrono::milliseconds lease = std::chrono::seconds(30);
  std::chrono::milliseconds renew_every = std::chrono::seconds(10);
  std::chrono::milliseconds sample_every = std::chrono::milliseconds(250);  // progress, for those who watch
  std::chrono::milliseconds drain_limit = std::chrono::seconds(60);         // then what runs is handed back
};

// What a job that runs now has to tell beyond what the store knows.
struct running_job {
  attempt_id attempt;
  std::string calc;
  double progress = 0;
  std::uint64_t rows = 0;
  time_point since;
};

class job_runner {
 public:
  job_runner(reactor& loop, job_store& store, const calc_registry& calcs, calc_places places,
             job_runner_options options);
  ~job_runner();
  job_runner(const job_runner&) = delete;
  job_runner& operator=(const job_runner&) = delete;

  // Takes back what an earlier process of this worker left running, and begins.
  deferred<void> start();

  // There may be something to lease. To be called from the store's change hook when a job was queued.
  void work_arrived();

  // Stops a running job politely; it ends as cancelled. Does nothing for one that does not run here.
  void stop(job_id id);

  // Leases nothing any more, and fires when the last job has ended. Those that take longer than drain_limit are
  // stopped and handed back, unfinished, for the next start. Cancel: hands back at once.
  deferred<void> drain();

  std::size_t running_jobs() const noexcept;

  // Nothing if that attempt does not run here.
  std::optional<running_job> find(attempt_id attempt) const;

  // Called for every running job whose progress has moved, each sample_every.
  std::function<void(const running_job&)> on_progress;

 private:
  struct state;
  std::unique_ptr<state> state_;
};

}  // namespace whorl
