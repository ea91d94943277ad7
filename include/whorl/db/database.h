// A database is a pool of connections to one database, whichever driver it has.
//
//     db::database store(loop, db::postgres("host=/run/postgresql dbname=shop"), {.most_connections = 16});
//     db::rows found = co_await store.query("SELECT name FROM people WHERE id = $1", 17);
//     co_await store.transact(move_money, from, to, 20);   // deferred<void> move_money(db::connection&, int, int, int)
//
//     db::row_stream log = co_await store.stream("SELECT * FROM log");   // holds some rows at a time, however many come
//     std::optional<db::row> line = co_await log.next();                 // nothing after the last
//
// transact() commits when the function's deferred has its value, and rolls back when it fails; it then fails with that
// error, also where rolling back fails too (S120).
//
// A connection is opened when one is wanted and none is idle, until there are `most_connections`; then who wants one waits
// in line. When opening fails in a way that may pass (the server restarts) it is tried again, with growing pauses, while
// anybody waits. A connection that breaks is dropped; one that was given back in the middle of something is put in order
// first.
//
// Thread:   belongs to its loop.
// Lifetime: destroying it fails those that wait with errc::closed; connections that are lent out are closed when they come
//           back. close() first waits for them.
// Fails:    statements with the driver's error (postgres.h, sqlite.h); failed::outcome_unknown (session.h);
//           errc::timed_out after longest_wait without a connection, or when a statement ran longer than
//           longest_statement, or a stream let its reader wait for that long; errc::full when `most_waiting` wait already.
// Cancel:   who is cancelled while it waits leaves the line; a statement is interrupted, also in the server; a
//           transaction is rolled back. A COMMIT that is underway is waited for.
#pragma once

#include <whorl/db/connection.h>
#include <whorl/reactor/reactor.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <utility>

namespace whorl::db {

struct database_options {
  std::size_t most_connections = 8;
  std::size_t most_waiting = std::numeric_limits<std::size_t>::max();
  duration longest_wait = std::chrono::seconds(30);  // for a connection
  duration longest_statement = duration::max();
  duration trusted_idle = std::chrono::seconds(30);      // one that was idle for longer is asked before it is lent
  duration first_pause = std::chrono::milliseconds(50);  // after an attempt to open that failed; doubles
  duration longest_pause = std::chrono::seconds(2);
};

struct database_statistics {
  std::size_t open = 0;     // and being opened
  std::size_t idle = 0;     // of those
  std::size_t waiting = 0;  // who want one
  std::uint64_t opened = 0;
  std::uint64_t dropped = 0;  // broken, or not to be put in order
  std::uint64_t failed_attempts = 0;
};

class database {
 public:
  database(reactor& loop, std::shared_ptr<driver> kind, database_options options = {});
  ~database();
  database(const database&) = delete;
  database& operator=(const database&) = delete;

  // A connection of one's own, until it dies.
  deferred<connection> connect();

  // On a connection of the pool.
  template <class... Values>
  deferred<rows> query(sql text, Values&&... values) {
    return query_once(pool_, make_statement(std::move(text), std::forward<Values>(values)...));
  }
  template <class... Values>
  deferred<row_stream> stream(sql text, Values&&... values) {
    return stream_once(pool_, make_statement(std::move(text), std::forward<Values>(values)...));
  }

  // f(connection&, args...), a function that returns a deferred, in a transaction. Owns f and args.
  template <class F, class... Args>
  auto transact(F f, Args... args) -> std::invoke_result_t<F, connection&, Args...> {
    return transact_once(connect(), std::move(f), std::move(args)...);
  }

  // Refuses new work from now on. Fires when all connections have come back and are closed.
  // Cancel: stops the waiting, not the closing.
  deferred<void> close();

  database_statistics statistics() const noexcept;

 private:
  static deferred<rows> query_once(std::shared_ptr<detail::pool> pool, statement asked);
  static deferred<row_stream> stream_once(std::shared_ptr<detail::pool> pool, statement asked);

  template <class F, class... Args>
  static std::invoke_result_t<F, connection&, Args...> transact_once(deferred<connection> wanted, F f, Args... args) {
    auto own = co_await std::move(wanted);
    co_return co_await own.transact(std::move(f), std::move(args)...);
  }

  std::shared_ptr<detail::pool> pool_;
};

}  // namespace whorl::db
