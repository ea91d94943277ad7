// A postgres_wire is one connection of libpq in pipeline mode, with the requests that were sent and not answered yet.
//
// Invariant: each request is followed by a sync of its own, so that its failure ends with it. The server's answers come in
//            the order of requests_; a request is over when its sync has come: only then is it sure that it was done.
// Thread:    its loop's.
// Lifetime:  shared by its session and what is underway; close() fails what is underway.
#pragma once

#include <whorl/db/postgres.h>
#include <whorl/db/session.h>
#include <whorl/deferred/event.h>
#include <whorl/reactor/reactor.h>

#include <postgresql/libpq-fe.h>

#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace whorl::db::detail {

struct finish_connection {
  void operator()(PGconn* connection) const noexcept { PQfinish(connection); }
};
using postgres_handle = std::unique_ptr<PGconn, finish_connection>;

struct clear_result {
  void operator()(PGresult* result) const noexcept { PQclear(result); }
};
using postgres_result = std::unique_ptr<PGresult, clear_result>;

// A connected handle. Owns conninfo.
deferred<postgres_handle> connect_postgres(reactor& loop, std::string conninfo, duration limit);

enum class request_kind : std::uint8_t { statement, stream, begin, commit, roll_back };

struct postgres_request {
  postgres_request(statement given, request_kind of_kind, bool inside) noexcept
      : asked(std::move(given)), kind(of_kind), in_transaction(inside) {}

  const statement asked;
  const request_kind kind;
  const bool in_transaction;
  bool prepares = false;  // as `name`, and the answer to that is still to come
  std::string name;
  bool interrupted = false;  // somebody wants it to end
  bool abandoned = false;    // nobody wants its rows
  bool over = false;
  bool fatal = false;  // the server ended the connection with why_not
  rows got;
  column_names names;
  std::optional<error> why_not;
  event news;  // it is over, or there are rows of a stream
};

class postgres_wire : public std::enable_shared_from_this<postgres_wire> {
 public:
  postgres_wire(reactor& loop, postgres_handle connected, const postgres_options& options);
  postgres_wire(const postgres_wire&) = delete;
  postgres_wire& operator=(const postgres_wire&) = delete;
  ~postgres_wire() = default;

  void start();

  // One that cannot be sent is over, with why not.
  std::shared_ptr<postgres_request> send(statement asked, request_kind kind = request_kind::statement);

  // Asks the server to stop this request as soon as it is at it, and gives the connection up if there is no answer.
  void interrupt(postgres_request& unwanted);

  // Rows were taken from a stream.
  void resume();

  void lost(const std::string& why);
  void close() { lost("it was closed"); }

  bool broken() const noexcept { return connection_ == nullptr; }
  bool idle() const noexcept { return requests_.empty() && !cancelling_ && !lent_; }
  bool in_transaction() const noexcept;
  static deferred<void> settle(std::shared_ptr<postgres_wire> settled);

  // Lends the idle connection, out of pipeline mode, to whoever speaks to it otherwise (COPY), and takes it back.
  PGconn* lend();
  void take_back();

  // The connection that is lent. Fails: throws errc::connection_lost when it broke meanwhile.
  PGconn* lent() const;

  // Fires when the connection is broken.
  deferred<void> gone() { return gone_.wait(); }

  void on_notification(std::move_only_function<void(const PGnotify&)> tell) { tell_ = std::move(tell); }

  reactor& loop() const noexcept { return loop_; }

 private:
  struct ready_events final : watch_events {
    ready_events(postgres_wire& of, void (postgres_wire::*then)()) noexcept : of_(of), then_(then) {}
    void descriptor_ready() noexcept override {
      const auto kept = of_.shared_from_this();
      (of_.*then_)();
    }
    postgres_wire& of_;
    void (postgres_wire::*then_)();
  };

  bool put_on_the_wire(postgres_request& request);
  bool refuse(postgres_request& request) const;
  void flush();
  void watch_reading();
  void can_read();
  void can_write() { flush(); }
  void read_answers();
  void take(postgres_request& of, const PGresult* answer);
  void take_rows(postgres_request& of, const PGresult* answer);
  void take_command(postgres_request& of, const PGresult* answer);
  void take_error(postgres_request& of, const PGresult* answer);
  void end_first();
  void begin_first();
  void tell_notifications();
  bool paused() const noexcept;
  void send_cancel();
  static deferred<void> cancel_in_pool(std::shared_ptr<postgres_wire> of);
  void give_up_later();
  void cancel_again_later();
  void tell_quiet();
  static error unanswered(const postgres_request& request, const std::string& why);

  reactor& loop_;
  const postgres_options options_;
  postgres_handle connection_;
  ready_events on_readable_{*this, &postgres_wire::can_read};
  ready_events on_writable_{*this, &postgres_wire::can_write};
  std::unique_ptr<watch> reading_;
  std::unique_ptr<watch> writing_;
  std::deque<std::shared_ptr<postgres_request>> requests_;
  std::map<std::string, std::optional<std::string>> prepared_;  // by statement: its name, once the server has it
  std::size_t names_given_ = 0;
  bool transaction_open_ = false;
  bool cancelling_ = false;
  bool lent_ = false;
  delayed_call giving_up_;
  delayed_call cancelling_again_;
  event quiet_;
  event gone_;
  std::move_only_function<void(const PGnotify&)> tell_;
};

}  // namespace whorl::db::detail
