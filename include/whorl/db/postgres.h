// PostgreSQL as a database (database.h), by libpq's non-blocking pipeline: statements are sent without waiting for the
// answers of those before.
//
//     db::database store(loop, db::postgres("host=/run/postgresql dbname=shop user=keeper"));
//     db::rows found = co_await store.query("SELECT name FROM people WHERE id = $1", 17);
//
// Whole numbers, booleans, real numbers, text and bytea become the kind of value that they are; everything else (numeric,
// timestamps, json, arrays) is text as PostgreSQL writes it. A parameter's type is what the statement makes of it: write
// $1::bytea where that is not clear. A statement is prepared when a connection sees it first, and up to most_prepared
// are kept; one that was prepared and whose tables have changed since fails once.
//
// Fails:  errors of postgres_category() with the server's message, see sqlstate(); errc::connection_lost inside a
//         transaction (it is rolled back), failed::outcome_unknown (session.h) for a COMMIT, or a statement outside a
//         transaction, without an answer. Opening: errc::bad_input for a conninfo that cannot be read, errc::timed_out.
// Cancel: asks the server to stop the statement, and waits for its answer, `patience` at most; then the connection is
//         given up.
// Source: https://www.postgresql.org/docs/15/libpq.html (pipeline mode, single-row mode, cancel)
#pragma once

#include <whorl/db/session.h>
#include <whorl/deferred/error.h>
#include <whorl/reactor/time.h>

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <system_error>

namespace whorl::db {

struct postgres_options {
  duration longest_connect = std::chrono::seconds(10);
  duration patience = std::chrono::seconds(10);  // for the answer to a cancel, and to a COMMIT
  std::size_t most_prepared = 256;               // a connection
};

// `conninfo` as libpq reads it ("host=... dbname=..." or "postgresql://..."); PGHOST and its like count too. The host is a
// directory with the server's socket, an address, or one name, which is looked up in the loop's pool.
std::shared_ptr<driver> postgres(std::string conninfo, postgres_options options = {});

// What the server says, as SQLSTATE. A serialization failure and a deadlock equal
// std::errc::resource_unavailable_try_again.
const std::error_category& postgres_category() noexcept;

// The five characters of an error's SQLSTATE, such as "23505" for a key that is there already; empty for other errors.
// Source: https://www.postgresql.org/docs/15/errcodes-appendix.html
std::string sqlstate(const error& why);

}  // namespace whorl::db
