// The sqlite_jobs are a job store's file with everything that is needed to run operations on it. They live in a lane.
#pragma once

#include "jobs/job_rows.h"
#include "jobs/sqlite_job_rows.h"

#include <whorl/db/sqlite_connection.h>
#include <whorl/jobs/sqlite_job_store.h>

#include <vector>

namespace whorl {

class sqlite_jobs {
 public:
  // Fails: as open_sqlite_job_store.
  sqlite_jobs(may_block& wait, sqlite_job_store_options options);

  // Runs all operations in one transaction. One that fails by itself is taken back by itself, and the others go on.
  // Fails: throws the engine's error when the transaction could not be committed; then nothing was done.
  answered_operations run(may_block& wait, std::vector<job_operation> operations);

  sqlite_connection& database() noexcept { return database_; }

 private:
  answered_operations run_all(may_block& wait, std::vector<job_operation> operations);

  sqlite_job_store_options options_;
  sqlite_connection database_;
  sqlite_job_statements statements_;
  job_totals totals_;
};

}  // namespace whorl
