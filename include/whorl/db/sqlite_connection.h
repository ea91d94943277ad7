// A sqlite_connection is an open SQLite database, with its prepared statements.
//
//     sqlite_connection db(wait, "jobs.db");
//     sqlite_statement find = db.prepare(wait, "SELECT name FROM people WHERE id = ?");
//     for (auto rows = find.query(wait, 17); rows.next();) { greet(rows.text(0)); }
//
// Thread:   one at a time, without locks of its own, and everything waits for the disk: made for a lane.
// Lifetime: a connection outlives its statements, a statement its rows.
// Fails:    throws whorl::error with a code of sqlite_category() and SQLite's own words; in a lane the exception
//           becomes the failure of the deferred.
// Source:   https://www.sqlite.org/c3ref/intro.html
#pragma once

#include <whorl/db/value.h>
#include <whorl/deferred/error.h>
#include <whorl/places/may_block.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

struct sqlite3;
struct sqlite3_stmt;

namespace whorl {

// SQLite's extended result codes. A full disk equals std::errc::no_space_on_device, a failing one std::errc::io_error,
// a locked file std::errc::device_or_resource_busy, and a file that may not be written std::errc::permission_denied.
const std::error_category& sqlite_category() noexcept;

namespace detail {
struct close_sqlite {
  void operator()(sqlite3* database) const noexcept;
};
struct finalize_sqlite {
  void operator()(sqlite3_stmt* statement) const noexcept;
};
}  // namespace detail

// The rows that a statement yields, one after the other. The statement is free again when they are gone.
class sqlite_rows {
 public:
  sqlite_rows(may_block& /*wait*/, sqlite3_stmt* statement) noexcept : statement_(statement) {}
  sqlite_rows(const sqlite_rows&) = delete;
  sqlite_rows& operator=(const sqlite_rows&) = delete;
  ~sqlite_rows();

  // Goes to the next row; false after the last.
  bool next();

  // Columns of the present row, from 0.
  bool null(int column) const noexcept;
  std::int64_t integer(int column) const noexcept;
  double real(int column) const noexcept;
  std::string text(int column) const;

  // How many columns there are, what they are called, and what they hold, of whichever kind.
  int columns() const noexcept;
  std::string name(int column) const;
  db::value held(int column) const;

 private:
  sqlite3_stmt* statement_;
};

class sqlite_statement {
 public:
  // Starts the statement with these values for its parameters: numbers, text, or std::optional of them (NULL).
  template <class... Values>
  sqlite_rows query(may_block& wait, const Values&... values) {
    int parameter = 0;
    (bind(++parameter, values), ...);
    return {wait, statement_.get()};
  }

  // The same with values that are known only when the program runs. The parameter $2 gets the second, wherever it stands.
  sqlite_rows query_with(may_block& wait, const std::vector<db::value>& values);

  // Runs the statement to its end, and says how many rows it inserted, updated or deleted.
  template <class... Values>
  std::int64_t run(may_block& wait, const Values&... values) {
    sqlite_rows rows = query(wait, values...);
    return run_to_end(rows);
  }

 private:
  friend class sqlite_connection;
  explicit sqlite_statement(sqlite3_stmt* statement) noexcept : statement_(statement) {}

  void bind(int parameter, std::int64_t value);
  void bind(int parameter, int value) { bind(parameter, std::int64_t{value}); }
  void bind(int parameter, double value);
  void bind(int parameter, std::string_view value);
  void bind(int parameter, std::nullopt_t);
  template <class Value>
  void bind(int parameter, const std::optional<Value>& value) {
    value ? bind(parameter, *value) : bind(parameter, std::nullopt);
  }

  std::int64_t run_to_end(sqlite_rows& rows) const;

  std::unique_ptr<sqlite3_stmt, detail::finalize_sqlite> statement_;
};

class sqlite_connection {
 public:
  // Opens the file, or makes it.
  sqlite_connection(may_block& wait, const std::string& path);
  sqlite_connection(sqlite_connection&&) noexcept;
  sqlite_connection& operator=(sqlite_connection&&) noexcept;
  ~sqlite_connection();

  // Takes the file for this connection alone, until it closes; changes nothing in it.
  // Fails: errc::conflict if another connection has it; the message says which process.
  void take_exclusively(may_block& wait);

  // From now on commits go to a write-ahead log, and are on the disk when they return (synchronous=FULL).
  // Fails: errc::unsupported where the file system cannot do it.
  void log_ahead(may_block& wait);

  // One statement or several, without parameters; rows are thrown away.
  void execute(may_block& wait, const char* statements);

  sqlite_statement prepare(may_block& wait, std::string_view statement);

  // The first column of the first row of a query; 0 if there is none.
  std::int64_t integer(may_block& wait, std::string_view query);

  // Ends the call that is running, if one is, with SQLITE_INTERRUPT. Thread: any, while the connection lives.
  void interrupt() noexcept;

  // Rows inserted, updated or deleted by all statements so far, and by the last that did.
  std::int64_t changed_so_far() const noexcept;
  std::int64_t changed_last() const noexcept;

  // False after a commit or rollback, also one that SQLite did by itself because of an error.
  bool in_transaction() const noexcept;

  // The file's full path, or ":memory:".
  std::string path() const;

  // The key of the row that was inserted last.
  std::int64_t last_inserted() const noexcept;

 private:
  friend class sqlite_transaction;
  struct transaction_statements;
  transaction_statements& for_transactions(may_block& wait);

  std::unique_ptr<sqlite3, detail::close_sqlite> database_;
  std::unique_ptr<transaction_statements> for_transactions_;
};

// A transaction, or a savepoint inside one; taken back when it dies without having been committed.
class sqlite_transaction {
 public:
  sqlite_transaction(may_block& wait, sqlite_connection& database);
  sqlite_transaction(const sqlite_transaction&) = delete;
  sqlite_transaction& operator=(const sqlite_transaction&) = delete;
  ~sqlite_transaction();

  void commit();

 private:
  may_block* wait_;
  sqlite_connection* database_;
  bool outermost_;
  bool open_ = true;
};

}  // namespace whorl
