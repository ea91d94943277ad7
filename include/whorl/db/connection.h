// A connection is one of a database's, for one user at a time: statements on it run one after the other, in order.
//
//     db::connection own = co_await store.connect();
//     co_await own.query("SET search_path TO shop");
//     co_await own.transact(move_money, from, to, 20);
//
// Thread:   its loop's.
// Lifetime: given back to its database when it dies. Outlives what was started on it; what is still underway then is
//           interrupted, and a transaction that is open is rolled back. A transaction that is dropped before its end takes
//           the connection along: using it again throws misuse.
// Fails, Cancel: as database.h says.
#pragma once

#include <whorl/db/session.h>
#include <whorl/deferred/deferred.h>
#include <whorl/reactor/reactor.h>

#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

namespace whorl::db {

class connection;

namespace detail {

class pool;

// Ends a transaction as S120 says: commits, or rolls back. Fires with what is to be thrown: what the work threw, or what the
// commit failed with.
deferred<std::exception_ptr> end_transaction(session* of, std::exception_ptr why);

// Takes the connection away from its user when a transaction is dropped before its end.
class open_transaction {
 public:
  explicit open_transaction(connection& own) noexcept : own_(&own) {}
  open_transaction(const open_transaction&) = delete;
  open_transaction& operator=(const open_transaction&) = delete;
  ~open_transaction();
  void ended() noexcept { own_ = nullptr; }

 private:
  connection* own_;
};

}  // namespace detail

class row_stream;

class connection {
 public:
  connection(connection&&) noexcept = default;
  connection& operator=(connection&& other) noexcept {
    std::swap(pool_, other.pool_);
    std::swap(session_, other.session_);
    return *this;
  }
  ~connection();

  template <class... Values>
  deferred<rows> query(sql text, Values&&... values) {
    return query(make_statement(std::move(text), std::forward<Values>(values)...));
  }
  deferred<rows> query(statement asked);

  // The rows as they come. The connection is busy with them until the stream ends or dies.
  template <class... Values>
  deferred<row_stream> stream(sql text, Values&&... values) {
    return stream(make_statement(std::move(text), std::forward<Values>(values)...));
  }
  deferred<row_stream> stream(statement asked);

  // f(connection&, args...), a function that returns a deferred, in a transaction (S120). Owns f and args.
  // Fails: throws misuse inside another transaction.
  template <class F, class... Args>
  std::invoke_result_t<F, connection&, Args...> transact(F f, Args... args) {
    return run_transaction<typename std::invoke_result_t<F, connection&, Args...>::value_type>(
        *this, begin(), std::move(f), std::move(args)...);
  }

  // For what one driver has and others have not.
  session& of_driver() const;

 private:
  friend class detail::pool;
  friend class detail::open_transaction;
  connection(std::shared_ptr<detail::pool> from, std::unique_ptr<session> lent) noexcept;

  deferred<void> begin();
  void give_back() noexcept;

  template <class T, class F, class... Args>
  static deferred<T> run_transaction(connection& own, deferred<void> begun, F f, Args... args) {
    detail::open_transaction underway(own);
    std::optional<whorl::detail::stored<T>> value;
    std::exception_ptr why;
    try {
      co_await std::move(begun);
      if constexpr (std::is_void_v<T>) {
        co_await std::invoke(std::move(f), own, std::move(args)...);
        value.emplace();
      } else {
        auto done = co_await std::invoke(std::move(f), own, std::move(args)...);
        value.emplace(std::move(done));
      }
    } catch (...) {
      why = std::current_exception();
    }
    auto to_throw = co_await detail::end_transaction(own.session_.get(), why);
    underway.ended();
    if (to_throw) {
      std::rethrow_exception(to_throw);
    }
    if constexpr (!std::is_void_v<T>) {
      co_return std::move(*value);
    }
  }

  std::shared_ptr<detail::pool> pool_;
  std::unique_ptr<session> session_;
};

// The rows of one statement, which the driver fetches some at a time, no faster than they are taken.
//
// Lifetime: dropping it ends the statement. One that a connection made dies before that connection.
class row_stream {
 public:
  row_stream(row_stream&&) noexcept = default;
  row_stream& operator=(row_stream&& other) noexcept {
    std::swap(own_, other.own_);
    std::swap(state_, other.state_);
    return *this;
  }

  // The next row; nothing after the last. Throws misuse when the one before has not fired.
  deferred<std::optional<row>> next();

 private:
  friend class connection;
  friend class database;
  row_stream(std::unique_ptr<row_source> from, std::shared_ptr<const detail::pool> pool);

  struct state;
  static deferred<std::optional<row>> fetch(std::shared_ptr<state> into);

  std::optional<connection> own_;  // of a stream that the database made
  std::shared_ptr<state> state_;
};

}  // namespace whorl::db
