#include "jobs/sqlite_job_rows.h"

#include <whorl/db/sqlite_schema.h>

#include <fmt/format.h>

#include <array>
#include <limits>
#include <utility>

namespace whorl {

namespace {

constexpr std::array migrations = {
    R"sql(
      CREATE TABLE jobs (
        id               INTEGER PRIMARY KEY AUTOINCREMENT,
        calc             TEXT NOT NULL,
        idempotency_key  TEXT,
        priority         INTEGER NOT NULL,
        state            TEXT NOT NULL,
        cancel_requested INTEGER NOT NULL DEFAULT 0,
        attempt          INTEGER NOT NULL DEFAULT 0,
        failures         INTEGER NOT NULL DEFAULT 0,
        crashes          INTEGER NOT NULL DEFAULT 0,
        created          BIGINT NOT NULL,
        not_before       BIGINT,
        started          BIGINT,
        finished         BIGINT,
        worker           TEXT,
        lease_until      BIGINT,
        progress         DOUBLE PRECISION NOT NULL DEFAULT 0,
        note             TEXT NOT NULL DEFAULT '',
        error            TEXT NOT NULL DEFAULT '',
        hint             TEXT NOT NULL DEFAULT '',
        result_file      TEXT NOT NULL DEFAULT '',
        result           TEXT NOT NULL DEFAULT ''
      );
      CREATE TABLE job_arguments (
        job       BIGINT PRIMARY KEY REFERENCES jobs (id) ON DELETE CASCADE,
        arguments TEXT NOT NULL
      );
      CREATE UNIQUE INDEX jobs_by_key ON jobs (idempotency_key) WHERE idempotency_key IS NOT NULL;
      CREATE INDEX jobs_by_state ON jobs (state, id);
      CREATE INDEX jobs_eligible ON jobs (calc, priority DESC, id) WHERE state = 'queued' AND not_before IS NULL;
      CREATE INDEX jobs_delayed ON jobs (not_before) WHERE not_before IS NOT NULL;
      CREATE INDEX jobs_ended ON jobs (finished, id) WHERE finished IS NOT NULL;
    )sql"};

constexpr std::int32_t application_id = 0x77686f72;  // "whor"

constexpr const char* brief_columns =
    "id, calc, idempotency_key, priority, state, cancel_requested, attempt, failures, crashes, created, not_before, "
    "started, finished, worker, lease_until, progress, note, error, hint, result_file";

std::string select(const char* rest) { return fmt::format("SELECT {} FROM jobs {}", brief_columns, rest); }
std::string select_whole(const char* rest) {
  return fmt::format("SELECT {}, result, arguments FROM jobs JOIN job_arguments ON job = id {}", brief_columns, rest);
}

std::int64_t number(job_id id) { return static_cast<std::int64_t>(id); }
std::int64_t number(utc_time time) { return time.time_since_epoch().count(); }
std::optional<std::int64_t> number(std::optional<utc_time> time) {
  return time ? std::optional(number(*time)) : std::nullopt;
}
std::int64_t number(std::size_t most) { return static_cast<std::int64_t>(most); }

utc_time time_at(const sqlite_rows& row, int column) {
  return utc_time(std::chrono::milliseconds(row.integer(column)));
}
std::optional<utc_time> optional_time_at(const sqlite_rows& row, int column) {
  return row.null(column) ? std::nullopt : std::optional(time_at(row, column));
}

job brief_job(const sqlite_rows& row) {
  job read;
  int column = -1;
  read.id = job_id{row.integer(++column)};
  read.calc = row.text(++column);
  read.idempotency_key = row.text(++column);
  read.priority = static_cast<int>(row.integer(++column));
  read.state = parse_job_state(row.text(++column)).value();
  read.cancel_requested = row.integer(++column) != 0;
  read.attempt = static_cast<int>(row.integer(++column));
  read.failures = static_cast<int>(row.integer(++column));
  read.crashes = static_cast<int>(row.integer(++column));
  read.created = time_at(row, ++column);
  read.not_before = optional_time_at(row, ++column);
  read.started = optional_time_at(row, ++column);
  read.finished = optional_time_at(row, ++column);
  const int worker = ++column;
  const int until = ++column;
  if (!row.null(worker)) {
    read.lease = job_lease{.worker = row.text(worker), .until = time_at(row, until)};
  }
  read.progress = row.real(++column);
  read.note = row.text(++column);
  read.error = row.text(++column);
  read.hint = row.text(++column);
  read.result_file = row.text(++column);
  return read;
}

job whole_job(const sqlite_rows& row) {
  constexpr int after_brief = 20;
  job read = brief_job(row);
  read.result = row.text(after_brief);
  read.arguments = row.text(after_brief + 1);
  return read;
}

template <class Read>
std::optional<job> first(sqlite_rows rows, Read read) {
  return rows.next() ? std::optional(read(rows)) : std::nullopt;
}

std::vector<job> all(sqlite_rows rows) {
  std::vector<job> found;
  while (rows.next()) {
    found.push_back(brief_job(rows));
  }
  return found;
}

}  // namespace

void migrate_job_store(may_block& wait, sqlite_connection& database) {
  migrate(wait, database, {.what = "whorl job store", .application_id = application_id, .migrations = migrations});
}

job_totals count_rows(may_block& wait, sqlite_connection& database) {
  job_totals totals;
  sqlite_statement by_state = database.prepare(wait, "SELECT state, count(*) FROM jobs GROUP BY state");
  for (auto rows = by_state.query(wait); rows.next();) {
    totals.of(parse_job_state(rows.text(0)).value()) = rows.integer(1);
  }
  totals.delayed = database.integer(wait, "SELECT count(*) FROM jobs WHERE not_before IS NOT NULL");
  return totals;
}

sqlite_job_statements::sqlite_job_statements(may_block& wait, sqlite_connection& database)
    : insert(database.prepare(wait,
                              "INSERT INTO jobs (calc, idempotency_key, priority, state, created, not_before) "
                              "VALUES (?, ?, ?, ?, ?, ?)")),
      insert_arguments(database.prepare(wait, "INSERT INTO job_arguments (job, arguments) VALUES (?, ?)")),
      save(database.prepare(
          wait,
          "UPDATE jobs SET state = ?, cancel_requested = ?, attempt = ?, failures = ?, crashes = ?, not_before = ?, "
          "started = ?, finished = ?, worker = ?, lease_until = ?, progress = ?, note = ?, error = ?, hint = ?, "
          "result_file = ?, result = ? WHERE id = ?")),
      erase(database.prepare(wait, "DELETE FROM jobs WHERE id = ?")),
      load_brief(database.prepare(wait, select("WHERE id = ?"))),
      load_whole(database.prepare(wait, select_whole("WHERE id = ?"))),
      load_by_key(database.prepare(wait, select_whole("WHERE idempotency_key = ?"))),
      wake(database.prepare(wait, "UPDATE jobs SET not_before = NULL WHERE not_before <= ?")),
      next_due(database.prepare(wait, "SELECT min(not_before) FROM jobs WHERE not_before IS NOT NULL")),
      eligible(database.prepare(wait,
                                "SELECT id, priority FROM jobs WHERE state = 'queued' AND not_before IS NULL AND "
                                "calc = ? ORDER BY priority DESC, id LIMIT ?")),
      running(database.prepare(wait, select("WHERE state = 'running' ORDER BY id"))),
      list(database.prepare(wait, select("WHERE id < ?1 AND (?2 = '' OR calc = ?2) ORDER BY id DESC LIMIT ?3"))),
      list_in_state(database.prepare(
          wait, select("WHERE id < ?1 AND (?2 = '' OR calc = ?2) AND state = ?4 ORDER BY id DESC LIMIT ?3"))),
      ended(database.prepare(wait, select("WHERE finished IS NOT NULL ORDER BY finished, id LIMIT ?"))) {}

job_id sqlite_job_rows::insert(const job& accepted) {
  const auto key = accepted.idempotency_key.empty() ? std::nullopt : std::optional(accepted.idempotency_key);
  statements_.insert.run(wait_, accepted.calc, key, accepted.priority, to_string(accepted.state),
                         number(accepted.created), number(accepted.not_before));
  const std::int64_t id = database_.last_inserted();
  statements_.insert_arguments.run(wait_, id, accepted.arguments);
  return job_id{id};
}

void sqlite_job_rows::save(const job& after) {
  std::optional<std::string> worker;
  std::optional<utc_time> until;
  if (after.lease) {
    worker = after.lease->worker;
    until = after.lease->until;
  }
  statements_.save.run(wait_, to_string(after.state), after.cancel_requested ? 1 : 0, after.attempt, after.failures,
                       after.crashes, number(after.not_before), number(after.started), number(after.finished), worker,
                       number(until), after.progress, after.note, after.error, after.hint, after.result_file,
                       after.result, number(after.id));
}

void sqlite_job_rows::erase(const job& ended) { statements_.erase.run(wait_, number(ended.id)); }

std::optional<job> sqlite_job_rows::load(job_id id, parts wanted) {
  return wanted == parts::brief ? first(statements_.load_brief.query(wait_, number(id)), brief_job)
                                : first(statements_.load_whole.query(wait_, number(id)), whole_job);
}

std::optional<job> sqlite_job_rows::load_by_key(const std::string& idempotency_key) {
  return first(statements_.load_by_key.query(wait_, idempotency_key), whole_job);
}

std::int64_t sqlite_job_rows::wake(utc_time now) { return statements_.wake.run(wait_, number(now)); }

std::optional<utc_time> sqlite_job_rows::next_due() {
  auto rows = statements_.next_due.query(wait_);
  return rows.next() ? optional_time_at(rows, 0) : std::nullopt;
}

std::vector<eligible_job> sqlite_job_rows::eligible(const std::string& calc, std::size_t most) {
  std::vector<eligible_job> found;
  for (auto rows = statements_.eligible.query(wait_, calc, number(most)); rows.next();) {
    found.push_back({.id = job_id{rows.integer(0)}, .priority = static_cast<int>(rows.integer(1))});
  }
  return found;
}

std::vector<job> sqlite_job_rows::running() { return all(statements_.running.query(wait_)); }

std::vector<job> sqlite_job_rows::list(const list_jobs& filter) {
  const std::int64_t before = filter.before ? number(*filter.before) : std::numeric_limits<std::int64_t>::max();
  if (filter.state) {
    return all(
        statements_.list_in_state.query(wait_, before, filter.calc, number(filter.most), to_string(*filter.state)));
  }
  return all(statements_.list.query(wait_, before, filter.calc, number(filter.most)));
}

std::vector<job> sqlite_job_rows::ended(std::size_t most) { return all(statements_.ended.query(wait_, number(most))); }

}  // namespace whorl
