// A session on a postgres_wire.
#pragma once

#include "db/postgres_wire.h"

#include <memory>
#include <utility>

namespace whorl::db::detail {

class postgres_session final : public session {
 public:
  explicit postgres_session(std::shared_ptr<postgres_wire> wire) noexcept : wire_(std::move(wire)) {}
  ~postgres_session() override { wire_->close(); }

  deferred<rows> query(statement asked) override;
  deferred<std::unique_ptr<row_source>> stream(statement asked) override;
  deferred<void> begin() override;
  deferred<void> commit() override;
  deferred<void> roll_back() override;
  bool in_transaction() const noexcept override { return wire_->in_transaction(); }
  bool broken() const noexcept override { return wire_->broken(); }
  bool idle() const noexcept override { return wire_->idle(); }
  deferred<void> settle() override { return postgres_wire::settle(wire_); }
  deferred<void> ping() override;

  const std::shared_ptr<postgres_wire>& wire() const noexcept { return wire_; }

 private:
  const std::shared_ptr<postgres_wire> wire_;
};

}  // namespace whorl::db::detail
