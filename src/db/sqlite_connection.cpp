#include <whorl/db/sqlite_connection.h>

#include "db/file_lock.h"
#include "db/sqlite_error.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <utility>

namespace whorl {

void detail::close_sqlite::operator()(sqlite3* database) const noexcept { sqlite3_close_v2(database); }
void detail::finalize_sqlite::operator()(sqlite3_stmt* statement) const noexcept { sqlite3_finalize(statement); }

sqlite_rows::~sqlite_rows() { sqlite3_reset(statement_); }

bool sqlite_rows::next() {
  const int code = sqlite3_step(statement_);
  if (code != SQLITE_ROW && code != SQLITE_DONE) {
    throw sqlite_error(sqlite3_db_handle(statement_), code);
  }
  return code == SQLITE_ROW;
}

bool sqlite_rows::null(int column) const noexcept { return sqlite3_column_type(statement_, column) == SQLITE_NULL; }
std::int64_t sqlite_rows::integer(int column) const noexcept { return sqlite3_column_int64(statement_, column); }
double sqlite_rows::real(int column) const noexcept { return sqlite3_column_double(statement_, column); }

std::string sqlite_rows::text(int column) const {
  const auto* start = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  return start == nullptr ? std::string() : std::string(start, sqlite3_column_bytes(statement_, column));
}

int sqlite_rows::columns() const noexcept { return sqlite3_column_count(statement_); }
std::string sqlite_rows::name(int column) const { return sqlite3_column_name(statement_, column); }

db::value sqlite_rows::held(int column) const {
  switch (sqlite3_column_type(statement_, column)) {
    case SQLITE_NULL: return {};
    case SQLITE_INTEGER: return integer(column);
    case SQLITE_FLOAT: return real(column);
    case SQLITE_TEXT: return text(column);
    default: break;
  }
  const auto* start = static_cast<const std::byte*>(sqlite3_column_blob(statement_, column));
  return db::blob(start, start + sqlite3_column_bytes(statement_, column));
}

namespace {

void require_bound(sqlite3_stmt* statement, int code) {
  if (code != SQLITE_OK) {
    throw sqlite_error(sqlite3_db_handle(statement), code);
  }
}

}  // namespace

void sqlite_statement::bind(int parameter, std::int64_t value) {
  require_bound(statement_.get(), sqlite3_bind_int64(statement_.get(), parameter, value));
}
void sqlite_statement::bind(int parameter, double value) {
  require_bound(statement_.get(), sqlite3_bind_double(statement_.get(), parameter, value));
}
void sqlite_statement::bind(int parameter, std::string_view value) {
  // A view without memory would be bound as NULL.
  const char* start = value.data() == nullptr ? "" : value.data();
  require_bound(statement_.get(),
                sqlite3_bind_text64(statement_.get(), parameter, start, value.size(), SQLITE_TRANSIENT, SQLITE_UTF8));
}
void sqlite_statement::bind(int parameter, std::nullopt_t) {
  require_bound(statement_.get(), sqlite3_bind_null(statement_.get(), parameter));
}

namespace {

int bind_value(sqlite3_stmt* statement, int parameter, const db::value& value) {
  if (const auto* whole = value.find<std::int64_t>()) {
    return sqlite3_bind_int64(statement, parameter, *whole);
  }
  if (const auto* real = value.find<double>()) {
    return sqlite3_bind_double(statement, parameter, *real);
  }
  if (const auto* text = value.find<std::string>()) {
    return sqlite3_bind_text64(statement, parameter, text->data(), text->size(), SQLITE_TRANSIENT, SQLITE_UTF8);
  }
  if (const auto* bytes = value.find<db::blob>()) {
    // Bytes without memory would be bound as NULL.
    return bytes->empty() ? sqlite3_bind_zeroblob(statement, parameter, 0)
                          : sqlite3_bind_blob64(statement, parameter, bytes->data(), bytes->size(), SQLITE_TRANSIENT);
  }
  return sqlite3_bind_null(statement, parameter);
}

}  // namespace

sqlite_rows sqlite_statement::query_with(may_block& wait, const std::vector<db::value>& values) {
  sqlite3_stmt* const own = statement_.get();
  const int wanted = sqlite3_bind_parameter_count(own);
  if (std::cmp_not_equal(wanted, values.size())) {
    throw error(errc::bad_input, fmt::format("the statement has {} parameters and was given {} values: {}", wanted,
                                             values.size(), sqlite3_sql(own)));
  }
  for (int number = 1; number <= wanted; ++number) {
    const int named = sqlite3_bind_parameter_index(own, fmt::format("${}", number).c_str());
    const int parameter = named != 0 ? named : number;
    require_bound(own, bind_value(own, parameter, values[static_cast<std::size_t>(number) - 1]));
  }
  return {wait, own};
}

std::int64_t sqlite_statement::run_to_end(sqlite_rows& rows) const {
  while (rows.next()) {
  }
  return sqlite3_changes64(sqlite3_db_handle(statement_.get()));
}

namespace {

// For another process to give up the file; one that was just killed needs a moment to die.
constexpr int patience_milliseconds = 2000;

}  // namespace

struct sqlite_connection::transaction_statements {
  transaction_statements(may_block& wait, sqlite_connection& database)
      : begin(database.prepare(wait, "BEGIN")),
        commit(database.prepare(wait, "COMMIT")),
        roll_back(database.prepare(wait, "ROLLBACK")),
        save(database.prepare(wait, "SAVEPOINT inner")),
        release(database.prepare(wait, "RELEASE inner")),
        roll_back_to_save(database.prepare(wait, "ROLLBACK TO inner")) {}

  sqlite_statement begin, commit, roll_back;
  sqlite_statement save, release, roll_back_to_save;
};

sqlite_connection::sqlite_connection(sqlite_connection&&) noexcept = default;
sqlite_connection& sqlite_connection::operator=(sqlite_connection&&) noexcept = default;
sqlite_connection::~sqlite_connection() = default;

sqlite_connection::sqlite_connection(may_block& /*wait*/, const std::string& path) {
  sqlite3* opened = nullptr;
  const int code = sqlite3_open_v2(
      path.c_str(), &opened, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
      nullptr);
  database_.reset(opened);
  if (opened == nullptr) {
    throw std::bad_alloc();
  }
  if (code != SQLITE_OK) {
    throw sqlite_error(path, code, sqlite3_errmsg(opened));
  }
  sqlite3_busy_timeout(opened, patience_milliseconds);
}

void sqlite_connection::take_exclusively(may_block& wait) {
  try {
    execute(wait, "PRAGMA locking_mode = EXCLUSIVE; BEGIN IMMEDIATE; COMMIT");
  } catch (const error& why) {
    if (why.code() != std::errc::device_or_resource_busy) {
      throw;
    }
    throw error(errc::conflict,
                fmt::format("SQLite database \"{}\" is in use by {}; stop that one, or use another file", path(),
                            describe_lock_holder(path())));
  }
}

void sqlite_connection::log_ahead(may_block& wait) {
  sqlite_statement change = prepare(wait, "PRAGMA journal_mode = WAL");
  sqlite_rows rows = change.query(wait);
  if (!rows.next() || rows.text(0) != "wal") {
    throw error(errc::unsupported, fmt::format("SQLite database \"{}\" cannot be logged ahead of writing (WAL); "
                                               "put it on a local disk",
                                               path()));
  }
  execute(wait, "PRAGMA synchronous = FULL");
}

void sqlite_connection::execute(may_block& /*wait*/, const char* statements) {
  const int code = sqlite3_exec(database_.get(), statements, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) {
    throw sqlite_error(database_.get(), code);
  }
}

sqlite_statement sqlite_connection::prepare(may_block& /*wait*/, std::string_view statement) {
  sqlite3_stmt* prepared = nullptr;
  const int code = sqlite3_prepare_v3(database_.get(), statement.data(), static_cast<int>(statement.size()),
                                      SQLITE_PREPARE_PERSISTENT, &prepared, nullptr);
  if (code != SQLITE_OK) {
    throw sqlite_error(database_.get(), code);
  }
  return sqlite_statement(prepared);
}

std::int64_t sqlite_connection::integer(may_block& wait, std::string_view query) {
  sqlite_statement statement = prepare(wait, query);
  sqlite_rows rows = statement.query(wait);
  return rows.next() ? rows.integer(0) : 0;
}

void sqlite_connection::interrupt() noexcept { sqlite3_interrupt(database_.get()); }

std::int64_t sqlite_connection::changed_so_far() const noexcept { return sqlite3_total_changes64(database_.get()); }
std::int64_t sqlite_connection::changed_last() const noexcept { return sqlite3_changes64(database_.get()); }

bool sqlite_connection::in_transaction() const noexcept { return sqlite3_get_autocommit(database_.get()) == 0; }

std::string sqlite_connection::path() const { return sqlite_file_name(database_.get()); }

std::int64_t sqlite_connection::last_inserted() const noexcept { return sqlite3_last_insert_rowid(database_.get()); }

sqlite_connection::transaction_statements& sqlite_connection::for_transactions(may_block& wait) {
  if (!for_transactions_) {
    for_transactions_ = std::make_unique<transaction_statements>(wait, *this);
  }
  return *for_transactions_;
}

sqlite_transaction::sqlite_transaction(may_block& wait, sqlite_connection& database)
    : wait_(&wait), database_(&database), outermost_(!database.in_transaction()) {
  auto& statements = database.for_transactions(wait);
  (outermost_ ? statements.begin : statements.save).run(wait);
}

sqlite_transaction::~sqlite_transaction() {
  if (!open_ || !database_->in_transaction()) {
    return;
  }
  auto& statements = *database_->for_transactions_;
  try {
    if (outermost_) {
      statements.roll_back.run(*wait_);
    } else {
      statements.roll_back_to_save.run(*wait_);
      statements.release.run(*wait_);
    }
  } catch (const error&) {
    // Whoever destroys it is on the way out with the error that matters, and SQLite takes back what is not committed.
  }
}

void sqlite_transaction::commit() {
  auto& statements = *database_->for_transactions_;
  (outermost_ ? statements.commit : statements.release).run(*wait_);
  open_ = false;
}

}  // namespace whorl
