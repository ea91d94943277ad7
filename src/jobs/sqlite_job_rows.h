// The rows of a job store in a SQLite database.
//
// Two tables, so that what changes often (state, lease, progress) is not written together with what never changes and
// may be long (the arguments). The SQL is what PostgreSQL understands as well, but for the key's AUTOINCREMENT.
#pragma once

#include "jobs/job_rows.h"

#include <whorl/db/sqlite_connection.h>

#include <optional>
#include <string>
#include <vector>

namespace whorl {

// Makes an empty database into a job store, or brings an older store up to date.
void migrate_job_store(may_block& wait, sqlite_connection& database);

job_totals count_rows(may_block& wait, sqlite_connection& database);

// Every statement that the rows need, prepared once for a connection.
struct sqlite_job_statements {
  sqlite_job_statements(may_block& wait, sqlite_connection& database);

  sqlite_statement insert;
  sqlite_statement insert_arguments;
  sqlite_statement save;
  sqlite_statement erase;
  sqlite_statement load_brief;
  sqlite_statement load_whole;
  sqlite_statement load_by_key;
  sqlite_statement wake;
  sqlite_statement next_due;
  sqlite_statement eligible;
  sqlite_statement running;
  sqlite_statement list;
  sqlite_statement list_in_state;
  sqlite_statement ended;
};

// Lifetime: for one call on the lane.
class sqlite_job_rows final : public job_rows {
 public:
  sqlite_job_rows(may_block& wait, sqlite_connection& database, sqlite_job_statements& statements) noexcept
      : wait_(wait), database_(database), statements_(statements) {}

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
  may_block& wait_;
  sqlite_connection& database_;
  sqlite_job_statements& statements_;
};

}  // namespace whorl
