#include <whorl/db/database.h>

#include "db/pool.h"

namespace whorl::db {

database::database(reactor& loop, std::shared_ptr<driver> kind, database_options options)
    : pool_(std::make_shared<detail::pool>(loop, std::move(kind), options)) {}

database::~database() { pool_->shut(); }

deferred<connection> database::connect() { return detail::pool::take(pool_); }

deferred<void> database::close() { return detail::pool::close(pool_); }

database_statistics database::statistics() const noexcept { return pool_->statistics(); }

deferred<rows> database::query_once(std::shared_ptr<detail::pool> pool, statement asked) {
  auto own = co_await detail::pool::take(std::move(pool));
  co_return co_await own.query(std::move(asked));
}

deferred<row_stream> database::stream_once(std::shared_ptr<detail::pool> pool, statement asked) {
  auto own = co_await detail::pool::take(std::move(pool));
  auto made = co_await own.stream(std::move(asked));
  made.own_ = std::move(own);
  co_return made;
}

}  // namespace whorl::db
