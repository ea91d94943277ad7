// A session is one connection of one driver, and a driver is what opens them: the seam between database.h and the kinds
// of databases. Who uses a database needs only statement and failed of this header.
//
// Thread:   belongs to one loop.
// Lifetime: a session outlives its row sources; what is underway when it dies fails.
#pragma once

#include <whorl/db/rows.h>
#include <whorl/deferred/deferred.h>

#include <concepts>
#include <memory>
#include <optional>
#include <source_location>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace whorl::db {

// What can become of a statement besides the server's own error.
enum class failed {
  // The connection broke before the answer to a COMMIT, or to a statement outside a transaction, had come: it may have
  // been done or not. Look, or make the work such that it can be repeated.
  outcome_unknown = 1,
  // COMMIT was answered with a rollback, because a statement of the transaction had failed and that was swallowed.
  not_committed,
};

std::error_code make_error_code(failed how) noexcept;

// The text of a statement, and where in the source it was given.
struct sql {
  // NOLINTBEGIN(google-explicit-constructor): a statement is written as its text.
  template <std::convertible_to<std::string> Text>
  sql(Text given, std::source_location where = std::source_location::current()) : text(std::move(given)), at(where) {}
  // NOLINTEND(google-explicit-constructor)

  std::string text;
  std::source_location at;
};

// A statement and its parameters, which are $1, $2 and so on in the text, with every driver.
struct statement {
  sql text;
  std::vector<value> values;
};

template <class... Values>
statement make_statement(sql text, Values&&... values) {
  statement made{std::move(text), {}};
  made.values.reserve(sizeof...(values));
  (made.values.emplace_back(std::forward<Values>(values)), ...);
  return made;
}

// Yields the rows of one statement, bit by bit. Destroying it ends the statement.
class row_source {
 public:
  virtual ~row_source() = default;

  // Some rows, at least one; nothing after the last. Called again only when the one before has fired.
  virtual deferred<std::vector<row>> next_rows() = 0;
};

class session {
 public:
  virtual ~session() = default;

  // Cancel: the statement is interrupted, in the server too.
  virtual deferred<rows> query(statement asked) = 0;
  virtual deferred<std::unique_ptr<row_source>> stream(statement asked) = 0;

  // Cancelling commit and roll_back is never asked for.
  virtual deferred<void> begin() = 0;
  virtual deferred<void> commit() = 0;
  virtual deferred<void> roll_back() = 0;
  virtual bool in_transaction() const noexcept = 0;

  // The connection is broken: nothing can be done with it any more.
  virtual bool broken() const noexcept = 0;
  // Nothing is underway.
  virtual bool idle() const noexcept = 0;
  // Fires when nothing is underway any more; what still was is interrupted.
  virtual deferred<void> settle() = 0;
  // Asks the server whether it is there.
  virtual deferred<void> ping() = 0;
};

class driver {
 public:
  virtual ~driver() = default;

  // For messages: which database.
  virtual std::string name() const = 0;

  virtual deferred<std::unique_ptr<session>> open() = 0;

  // Whether an attempt to open that failed so may succeed later by itself: the server restarts, say.
  virtual bool worth_another_try(const error& why) const noexcept = 0;
};

}  // namespace whorl::db

template <>
struct std::is_error_code_enum<whorl::db::failed> : std::true_type {};
