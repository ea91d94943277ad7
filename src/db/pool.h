// The connections of one database: which are idle, how many there are, and who waits for one.
//
// Invariant: connections_ counts each session that exists or is being opened, wherever it is: idle, lent out, being put in
//            order. Nobody waits while a session is idle.
#pragma once

#include <whorl/db/connection.h>
#include <whorl/db/database.h>
#include <whorl/deferred/event.h>
#include <whorl/deferred/waiting_line.h>

#include <deque>
#include <memory>
#include <optional>
#include <random>
#include <utility>

namespace whorl::db::detail {

class pool : public std::enable_shared_from_this<pool> {
 public:
  pool(reactor& loop, std::shared_ptr<driver> kind, database_options options)
      : loop_(loop), driver_(std::move(kind)), options_(options) {}
  pool(const pool&) = delete;
  pool& operator=(const pool&) = delete;
  ~pool() = default;

  static deferred<connection> take(std::shared_ptr<pool> from);
  static deferred<void> close(std::shared_ptr<pool> closed);

  // The database is gone: who waits fails, and nothing more is opened.
  void shut() noexcept;

  void give_back(std::unique_ptr<session> used) noexcept;

  const database_options& options() const noexcept { return options_; }
  reactor& loop() const noexcept { return loop_; }
  database_statistics statistics() const noexcept;

 private:
  struct idle_session {
    std::unique_ptr<session> kept;
    time_point since;
  };

  static deferred<void> open_one(std::shared_ptr<pool> in);
  static deferred<void> put_in_order(std::shared_ptr<pool> in, std::unique_ptr<session> used);
  static deferred<bool> still_there(std::shared_ptr<pool> in, session* asked);

  std::optional<idle_session> take_idle() noexcept;
  void offer(std::unique_ptr<session> free) noexcept;
  void open_if_wanted();
  void drop(std::unique_ptr<session> broken) noexcept;
  void one_less() noexcept;
  duration jittered(duration pause);
  error no_connection() const;

  reactor& loop_;
  const std::shared_ptr<driver> driver_;
  const database_options options_;
  bool closed_ = false;
  std::size_t connections_ = 0;
  std::size_t opening_ = 0;
  std::deque<idle_session> idle_;
  std::optional<error> why_not_;  // the last attempt to open
  database_statistics counted_;
  std::minstd_rand random_{std::random_device()()};
  event closing_;
  event all_gone_;
  waiting_line<connection> line_;
};

}  // namespace whorl::db::detail
