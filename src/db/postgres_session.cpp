#include "db/postgres_session.h"

#include "db/postgres_error.h"

#include <utility>

namespace whorl::db::detail {

namespace {

// Ends what nobody waits for any more.
class waiting_for {
 public:
  waiting_for(postgres_wire& wire, postgres_request& request) noexcept : wire_(wire), request_(request) {}
  waiting_for(const waiting_for&) = delete;
  waiting_for& operator=(const waiting_for&) = delete;
  ~waiting_for() { wire_.interrupt(request_); }

 private:
  postgres_wire& wire_;
  postgres_request& request_;
};

// What was to stop and came to its end all the same was done, outside of a transaction. Inside of one it was not yet, and
// must fail: else the transaction would go on, with nobody to cancel it again.
void throw_failure(const postgres_request& of, const std::optional<error>& asked_to_stop) {
  if (!of.why_not) {
    const bool plain = of.kind == request_kind::statement || of.kind == request_kind::stream;
    const bool may_be_undone = of.kind == request_kind::begin || (of.in_transaction && plain);
    if (asked_to_stop && may_be_undone) {
      throw error(*asked_to_stop);
    }
    return;
  }
  const bool stopped = asked_to_stop && of.why_not->code() == sqlstate_code("57014");
  throw error(stopped ? *asked_to_stop : *of.why_not);
}

deferred<rows> answer_to(std::shared_ptr<postgres_wire> wire, std::shared_ptr<postgres_request> request) {
  const waiting_for guard(*wire, *request);
  std::optional<error> asked_to_stop;
  while (!request->over) {
    auto waited = co_await request->news.wait().result();
    if (!waited) {
      asked_to_stop = waited.error();
      wire->interrupt(*request);
    }
  }
  throw_failure(*request, asked_to_stop);
  co_return std::move(request->got);
}

deferred<rows> answer_to(const std::shared_ptr<postgres_wire>& wire, statement asked, request_kind kind) {
  return answer_to(wire, wire->send(std::move(asked), kind));
}

deferred<void> without_rows(deferred<rows> answer) {
  return std::move(answer).add_callback([](const rows&) {});
}

class postgres_row_source final : public row_source {
 public:
  postgres_row_source(std::shared_ptr<postgres_wire> wire, std::shared_ptr<postgres_request> request) noexcept
      : wire_(std::move(wire)), request_(std::move(request)) {}
  ~postgres_row_source() override {
    request_->abandoned = true;
    request_->got.all.clear();
    wire_->interrupt(*request_);
    wire_->resume();
  }

  deferred<std::vector<row>> next_rows() override { return next_of(wire_, request_); }

 private:
  static deferred<std::vector<row>> next_of(std::shared_ptr<postgres_wire> wire,
                                            std::shared_ptr<postgres_request> request) {
    std::optional<error> asked_to_stop;
    while (request->got.empty() && !request->over) {
      request->news.clear();
      auto waited = co_await request->news.wait().result();
      if (!waited) {
        asked_to_stop = waited.error();
        wire->interrupt(*request);
      }
    }
    std::vector<row> some = std::exchange(request->got.all, {});
    if (!some.empty()) {
      wire->resume();
      co_return some;
    }
    throw_failure(*request, asked_to_stop);
    co_return some;
  }

  const std::shared_ptr<postgres_wire> wire_;
  const std::shared_ptr<postgres_request> request_;
};

}  // namespace

deferred<rows> postgres_session::query(statement asked) {
  return answer_to(wire_, std::move(asked), request_kind::statement);
}

deferred<std::unique_ptr<row_source>> postgres_session::stream(statement asked) {
  std::unique_ptr<row_source> source =
      std::make_unique<postgres_row_source>(wire_, wire_->send(std::move(asked), request_kind::stream));
  return succeed(std::move(source));
}

deferred<void> postgres_session::begin() {
  return without_rows(answer_to(wire_, make_statement("BEGIN"), request_kind::begin));
}
deferred<void> postgres_session::commit() {
  return without_rows(answer_to(wire_, make_statement("COMMIT"), request_kind::commit));
}
deferred<void> postgres_session::roll_back() {
  return without_rows(answer_to(wire_, make_statement("ROLLBACK"), request_kind::roll_back));
}

deferred<void> postgres_session::ping() { return without_rows(query(make_statement("SELECT"))); }

}  // namespace whorl::db::detail
