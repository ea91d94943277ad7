// COPY moves many rows into PostgreSQL, or out of it, as text, at the speed of the network.
//
//     db::copy_in filling = co_await db::start_copy_in(own, "COPY people (id, name) FROM STDIN");   // db::connection own
//     co_await filling.write("17\tAda\n");                                                          // as often as need be
//     std::int64_t count = co_await filling.finish();
//
//     db::copy_out reading = co_await db::start_copy_out(own, "COPY people TO STDOUT");
//     std::optional<std::string> line = co_await reading.next();                                    // nothing after the last
//
// Both work inside a transaction, and without one are one of their own.
//
// Thread:   their loop's.
// Lifetime: the connection outlives them, and serves nothing else until they have ended. One that dies before its end
//           breaks the connection, and nothing of it was done.
// Fails:    the server's errors (postgres.h), those about the rows from finish(); misuse for a connection to another
//           database; errc::conflict while something is underway on the connection.
// Source:   https://www.postgresql.org/docs/15/sql-copy.html
#pragma once

#include <whorl/db/connection.h>
#include <whorl/deferred/deferred.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace whorl::db {

namespace detail {
class copying;
}

class copy_in {
 public:
  // Any part of the text; it need not end where a row does. Fires when the network has taken it.
  deferred<void> write(std::string text);

  // Fires with the number of rows when they are in the database.
  deferred<std::int64_t> finish();

 private:
  friend deferred<copy_in> start_copy_in(connection& own, std::string text);
  explicit copy_in(std::shared_ptr<detail::copying> started) noexcept : copying_(std::move(started)) {}
  std::shared_ptr<detail::copying> copying_;
};

class copy_out {
 public:
  // The next row, with its line end; nothing after the last.
  deferred<std::optional<std::string>> next();

 private:
  friend deferred<copy_out> start_copy_out(connection& own, std::string text);
  explicit copy_out(std::shared_ptr<detail::copying> started) noexcept : copying_(std::move(started)) {}
  std::shared_ptr<detail::copying> copying_;
};

deferred<copy_in> start_copy_in(connection& own, std::string text);
deferred<copy_out> start_copy_out(connection& own, std::string text);

}  // namespace whorl::db
