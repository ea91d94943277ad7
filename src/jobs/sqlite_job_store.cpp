#include <whorl/jobs/sqlite_job_store.h>

#include "jobs/sqlite_jobs.h"

#include <whorl/places/defer_to.h>
#include <whorl/places/lane.h>

#include <utility>

namespace whorl {

namespace {

answered_operations run_in_lane(sqlite_jobs& jobs, may_block& wait, std::vector<job_operation> operations) {
  return jobs.run(wait, std::move(operations));
}

class sqlite_job_store final : public job_store {
 public:
  explicit sqlite_job_store(sqlite_job_store_options options) : lane_({.name = "job store"}, std::move(options)) {}
  ~sqlite_job_store() override { stop_running(); }

  // Fails if the lane could not open the file.
  deferred<void> opened() {
    return defer_to(lane_, [](sqlite_jobs&) {});
  }

  deferred<void> close() override { return lane_.stop(); }

 private:
  deferred<answered_operations> run(std::vector<job_operation> operations) override {
    return defer_to(lane_, run_in_lane, std::move(operations));
  }

  lane<sqlite_jobs> lane_;
};

}  // namespace

deferred<std::unique_ptr<job_store>> open_sqlite_job_store(sqlite_job_store_options options) {
  auto store = std::make_unique<sqlite_job_store>(std::move(options));
  auto opened = co_await store->opened().result();
  if (!opened) {
    co_await store->close();
    throw error(opened.error());
  }
  co_return std::move(store);
}

}  // namespace whorl
