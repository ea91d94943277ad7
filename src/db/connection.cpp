#include <whorl/db/connection.h>

#include "db/pool.h"

#include <whorl/deferred/event.h>
#include <whorl/reactor/within.h>

#include <utility>

namespace whorl::db {

namespace {

template <class T>
deferred<T> limited(const detail::pool& by, deferred<T> work) {
  const duration limit = by.options().longest_statement;
  return limit == duration::max() ? std::move(work) : within(by.loop(), std::move(work), limit);
}

struct ending {
  std::optional<error> why_not;
  event over;
};

// What becomes of the work, however often whoever waits is asked to stop: the answer to a COMMIT is worth waiting for.
deferred<std::optional<error>> to_the_end(deferred<void> work) {
  const auto seen = std::make_shared<ending>();
  auto over = seen->over.wait();
  std::move(work)
      .add_both([seen](const outcome<std::monostate>& how) {
        if (!how) {
          seen->why_not = how.error().error();
        }
        seen->over.set();
      })
      .detach();
  for (;;) {
    [[maybe_unused]] auto asked_to_stop = co_await std::move(over).result();
    if (seen->over.is_set()) {
      co_return seen->why_not;
    }
    over = seen->over.wait();
  }
}

}  // namespace

deferred<std::exception_ptr> detail::end_transaction(session* of, std::exception_ptr why) {
  if (!why) {
    auto why_not = co_await to_the_end(of->commit());
    if (!why_not) {
      co_return nullptr;
    }
    why = std::make_exception_ptr(*why_not);
  }
  if (!of->broken() && of->in_transaction()) {
    [[maybe_unused]] auto also_failed = co_await to_the_end(of->roll_back());
  }
  co_return why;
}

detail::open_transaction::~open_transaction() {
  if (own_ != nullptr) {
    own_->give_back();
  }
}

connection::connection(std::shared_ptr<detail::pool> from, std::unique_ptr<session> lent) noexcept
    : pool_(std::move(from)), session_(std::move(lent)) {}

connection::~connection() { give_back(); }

void connection::give_back() noexcept {
  if (session_ != nullptr) {
    const auto pool = pool_;
    pool->give_back(std::move(session_));
  }
}

session& connection::of_driver() const {
  if (session_ == nullptr) {
    throw misuse(
        "a database connection is used after it was moved from, or after its transaction was dropped before its "
        "end, which took it along: take another with connect()");
  }
  return *session_;
}

deferred<rows> connection::query(statement asked) {
  session& own = of_driver();
  return limited(*pool_, own.query(std::move(asked)));
}

namespace {

deferred<std::unique_ptr<row_source>> open_stream(session* own, statement asked) {
  co_return co_await own->stream(std::move(asked));
}

}  // namespace

deferred<row_stream> connection::stream(statement asked) {
  return limited(*pool_, open_stream(&of_driver(), std::move(asked)))
      .add_callback([pool = pool_](std::unique_ptr<row_source> from) { return row_stream(std::move(from), pool); });
}

deferred<void> connection::begin() {
  session& own = of_driver();
  if (own.in_transaction()) {
    throw misuse(
        "transact() inside a transaction of the same connection: give the inner function the connection, or use "
        "another one");
  }
  return own.begin();
}

struct row_stream::state {
  std::unique_ptr<row_source> from;
  std::shared_ptr<const detail::pool> pool;
  std::vector<row> fetched;
  std::size_t next = 0;
  bool fetching = false;
};

row_stream::row_stream(std::unique_ptr<row_source> from, std::shared_ptr<const detail::pool> pool)
    : state_(std::make_shared<state>()) {
  state_->from = std::move(from);
  state_->pool = std::move(pool);
}

deferred<std::optional<row>> row_stream::next() {
  if (state_->fetching) {
    throw misuse("next() of a row_stream before the one before has fired: await each");
  }
  if (state_->next < state_->fetched.size()) {
    return succeed(std::optional(std::move(state_->fetched[state_->next++])));
  }
  return fetch(state_);
}

deferred<std::optional<row>> row_stream::fetch(std::shared_ptr<state> into) {
  into->fetching = true;
  auto some = limited(*into->pool, into->from->next_rows());
  auto fetched = co_await std::move(some).result();
  into->fetching = false;
  if (!fetched) {
    throw error(fetched.error());
  }
  into->fetched = std::move(*fetched);
  into->next = 0;
  if (into->fetched.empty()) {
    co_return std::nullopt;
  }
  co_return std::move(into->fetched[into->next++]);
}

}  // namespace whorl::db
