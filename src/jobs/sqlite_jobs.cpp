#include "jobs/sqlite_jobs.h"

#include "jobs/job_engine.h"

#include <iterator>
#include <utility>

namespace whorl {

namespace {

sqlite_connection open(may_block& wait, const std::string& path) {
  sqlite_connection database(wait, path);
  database.take_exclusively(wait);
  migrate_job_store(wait, database);
  database.log_ahead(wait);
  database.execute(wait, "PRAGMA foreign_keys = ON");
  return database;
}

// One operation, inside a savepoint.
result<job_answer> apply_one(sqlite_transaction savepoint, job_engine& engine, job_operation operation) {
  result<job_answer> answer = engine.apply(std::move(operation));
  savepoint.commit();
  return answer;
}

}  // namespace

sqlite_jobs::sqlite_jobs(may_block& wait, sqlite_job_store_options options)
    : options_(std::move(options)),
      database_(open(wait, options_.path)),
      statements_(wait, database_),
      totals_(count_rows(wait, database_)) {}

answered_operations sqlite_jobs::run(may_block& wait, std::vector<job_operation> operations) {
  const job_totals before = totals_;
  try {
    sqlite_transaction transaction(wait, database_);
    answered_operations answered = run_all(wait, std::move(operations));
    transaction.commit();
    return answered;
  } catch (...) {
    totals_ = before;
    throw;
  }
}

answered_operations sqlite_jobs::run_all(may_block& wait, std::vector<job_operation> operations) {
  sqlite_job_rows rows(wait, database_, statements_);
  const utc_time now = options_.clock();
  answered_operations answered;
  for (job_operation& operation : operations) {
    job_engine engine(rows, totals_, options_.limits, now);
    const job_totals before = totals_;
    try {
      answered.answers.push_back(apply_one({wait, database_}, engine, std::move(operation)));
    } catch (const error& why) {
      totals_ = before;
      if (!database_.in_transaction()) {
        throw;
      }
      answered.answers.emplace_back(std::unexpected(why));
      continue;
    }
    std::ranges::move(engine.take_changes(), std::back_inserter(answered.changes));
  }
  return answered;
}

}  // namespace whorl
