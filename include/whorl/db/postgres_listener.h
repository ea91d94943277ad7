// A postgres_listener hears what is sent with NOTIFY, on a connection of its own, which it makes again when it breaks.
//
//     db::postgres_listener news(loop, "host=/run/postgresql dbname=shop", {"orders"});
//     std::optional<db::notification> told = co_await news.next();
//
// Thread:   belongs to its loop.
// Lifetime: stops listening when it dies; who waits for news then fails with errc::closed.
// Fails:    next(), with what opening the connection fails with where that will not pass by itself (a wrong conninfo, no
//           such database). A server that is away is waited for, with growing pauses.
// Source:   https://www.postgresql.org/docs/15/sql-notify.html
#pragma once

#include <whorl/db/postgres.h>
#include <whorl/deferred/deferred.h>
#include <whorl/reactor/reactor.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace whorl::db {

struct notification {
  std::string channel;
  std::string payload;
};

class postgres_listener {
 public:
  postgres_listener(reactor& loop, std::string conninfo, std::vector<std::string> channels,
                    postgres_options options = {});
  ~postgres_listener();
  postgres_listener(const postgres_listener&) = delete;
  postgres_listener& operator=(const postgres_listener&) = delete;

  // Fires when the server has been told: what is sent from then on is heard.
  deferred<void> listening();

  // The next notification; nothing when the connection had broken and is there again: what was sent meanwhile was not
  // heard, so look at the data.
  deferred<std::optional<notification>> next();

 private:
  struct state;
  static deferred<void> listen_for_ever(std::shared_ptr<state> on);
  static deferred<void> listen_once(std::shared_ptr<state> on);

  std::shared_ptr<state> state_;
};

}  // namespace whorl::db
