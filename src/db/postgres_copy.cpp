#include <whorl/db/postgres_copy.h>

#include "db/postgres_error.h"
#include "db/postgres_session.h"

#include <fmt/format.h>

#include <utility>

namespace whorl::db {

namespace detail {

// A COPY that is underway on a connection that its wire has lent.
class copying {
 public:
  copying(std::shared_ptr<postgres_wire> wire, std::string text) : wire_(std::move(wire)), text_(std::move(text)) {
    if (PQsendQuery(wire_->lend(), text_.c_str()) == 0) {
      wire_->lost(words_of(wire_->lent()));
    }
  }
  copying(const copying&) = delete;
  copying& operator=(const copying&) = delete;
  ~copying() {
    if (!ended_) {
      wire_->close();
    }
  }

  static deferred<void> start(std::shared_ptr<copying> on, ExecStatusType wanted);
  static deferred<void> write(std::shared_ptr<copying> on, std::string text);
  static deferred<std::int64_t> finish(std::shared_ptr<copying> on);
  static deferred<std::optional<std::string>> next(std::shared_ptr<copying> on);

 private:
  static deferred<void> flush(std::shared_ptr<copying> on);
  static deferred<void> receive(std::shared_ptr<copying> on);
  static deferred<std::int64_t> end(std::shared_ptr<copying> on);
  void require_underway() const;
  [[noreturn]] void lose();

  const std::shared_ptr<postgres_wire> wire_;
  const std::string text_;
  bool finishing_ = false;
  bool ended_ = false;
};

void copying::require_underway() const {
  if (ended_) {
    throw error(errc::closed, "this COPY has ended: " + text_);
  }
}

void copying::lose() {
  const std::string words = words_of(wire_->lent());
  const bool unknown = finishing_ && !wire_->in_transaction();
  wire_->lost(words);
  throw error(unknown ? make_error_code(failed::outcome_unknown) : make_error_code(errc::connection_lost),
              fmt::format("the connection to PostgreSQL broke in the middle of \"{}\", which {}: {}", text_,
                          unknown ? "may have been done or not" : "was not done", words));
}

deferred<void> copying::flush(std::shared_ptr<copying> on) {
  for (;;) {
    const int left = PQflush(on->wire_->lent());
    if (left < 0) {
      on->lose();
    }
    if (left == 0) {
      co_return;
    }
    co_await on->wire_->loop().writable(PQsocket(on->wire_->lent()));
  }
}

deferred<void> copying::receive(std::shared_ptr<copying> on) {
  co_await on->wire_->loop().readable(PQsocket(on->wire_->lent()));
  if (PQconsumeInput(on->wire_->lent()) == 0) {
    on->lose();
  }
}

deferred<void> copying::start(std::shared_ptr<copying> on, ExecStatusType wanted) {
  co_await flush(on);
  while (PQisBusy(on->wire_->lent()) != 0) {
    co_await receive(on);
  }
  const postgres_result answer(PQgetResult(on->wire_->lent()));
  const ExecStatusType came = PQresultStatus(answer.get());
  if (came == wanted) {
    co_return;
  }
  if (came == PGRES_FATAL_ERROR && !is_fatal(answer.get())) {
    [[maybe_unused]] auto count = co_await end(on);
    throw postgres_error(answer.get(), on->text_);
  }
  on->wire_->lost("it was not the COPY that was asked for");
  throw error(errc::bad_input, fmt::format("\"{}\" is not the COPY that was asked for: give COPY ... {}", on->text_,
                                           wanted == PGRES_COPY_IN ? "FROM STDIN" : "TO STDOUT"));
}

deferred<void> copying::write(std::shared_ptr<copying> on, std::string text) {
  on->require_underway();
  if (PQputCopyData(on->wire_->lent(), text.data(), static_cast<int>(text.size())) < 0) {
    on->lose();
  }
  co_await flush(on);
}

deferred<std::int64_t> copying::finish(std::shared_ptr<copying> on) {
  on->require_underway();
  on->finishing_ = true;
  if (PQputCopyEnd(on->wire_->lent(), nullptr) < 0) {
    on->lose();
  }
  co_await flush(on);
  co_return co_await end(on);
}

// Takes what is left of the answer, and gives the connection back to its wire.
deferred<std::int64_t> copying::end(std::shared_ptr<copying> on) {
  std::int64_t count = 0;
  std::optional<error> why_not;
  for (;;) {
    while (PQisBusy(on->wire_->lent()) != 0) {
      co_await receive(on);
    }
    const postgres_result answer(PQgetResult(on->wire_->lent()));
    if (answer == nullptr) {
      break;
    }
    if (PQresultStatus(answer.get()) == PGRES_COMMAND_OK) {
      count = std::stoll(PQcmdTuples(answer.get()));
    } else if (is_fatal(answer.get())) {
      on->lose();
    } else {
      why_not = postgres_error(answer.get(), on->text_);
    }
  }
  on->ended_ = true;
  on->wire_->take_back();
  if (why_not) {
    throw error(*why_not);
  }
  co_return count;
}

deferred<std::optional<std::string>> copying::next(std::shared_ptr<copying> on) {
  if (on->ended_) {
    co_return std::nullopt;
  }
  for (;;) {
    char* line = nullptr;
    const int length = PQgetCopyData(on->wire_->lent(), &line, 1);
    if (length > 0) {
      std::string owned(line, static_cast<std::size_t>(length));
      PQfreemem(line);
      co_return owned;
    }
    if (length < 0) {
      break;
    }
    co_await receive(on);
  }
  [[maybe_unused]] auto count = co_await end(on);
  co_return std::nullopt;
}

namespace {

std::shared_ptr<copying> copy_on(connection& own, std::string text) {
  auto* const session = dynamic_cast<postgres_session*>(&own.of_driver());
  if (session == nullptr) {
    throw misuse("COPY is PostgreSQL's, and this connection is to another kind of database");
  }
  return std::make_shared<copying>(session->wire(), std::move(text));
}

}  // namespace
}  // namespace detail

deferred<void> copy_in::write(std::string text) { return detail::copying::write(copying_, std::move(text)); }
deferred<std::int64_t> copy_in::finish() { return detail::copying::finish(copying_); }
deferred<std::optional<std::string>> copy_out::next() { return detail::copying::next(copying_); }

deferred<copy_in> start_copy_in(connection& own, std::string text) {
  const auto started = detail::copy_on(own, std::move(text));
  co_await detail::copying::start(started, PGRES_COPY_IN);
  co_return copy_in(started);
}

deferred<copy_out> start_copy_out(connection& own, std::string text) {
  const auto started = detail::copy_on(own, std::move(text));
  co_await detail::copying::start(started, PGRES_COPY_OUT);
  co_return copy_out(started);
}

}  // namespace whorl::db
