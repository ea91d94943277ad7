#include <whorl/db/postgres.h>

#include "db/postgres_error.h"
#include "db/postgres_session.h"

#include <whorl/reactor/reactor.h>

#include <algorithm>
#include <array>
#include <utility>

namespace whorl::db {

namespace {

using detail::postgres_handle;
using detail::postgres_session;
using detail::postgres_wire;

class postgres_driver final : public driver {
 public:
  postgres_driver(std::string conninfo, postgres_options options) : conninfo_(std::move(conninfo)), options_(options) {}

  // Without the conninfo, which may hold a password.
  std::string name() const override { return "PostgreSQL"; }

  deferred<std::unique_ptr<session>> open() override {
    reactor& loop = reactor::of_this_thread("opening a connection to PostgreSQL");
    return detail::connect_postgres(loop, conninfo_, options_.longest_connect)
        .add_callback([&loop, options = options_](postgres_handle connected) -> std::unique_ptr<session> {
          const auto wire = std::make_shared<postgres_wire>(loop, std::move(connected), options);
          wire->start();
          return std::make_unique<postgres_session>(wire);
        });
  }

  // A server that starts, stops, or has too many connections at the moment, or that cannot be reached.
  bool worth_another_try(const error& why) const noexcept override {
    static constexpr std::array<std::string_view, 4> may_pass = {"57P01", "57P02", "57P03", "53300"};
    return why.is(errc::connection_lost) || why.is(errc::timed_out) ||
           std::ranges::any_of(may_pass, [&](std::string_view each) { return why.code() == sqlstate_code(each); });
  }

 private:
  const std::string conninfo_;
  const postgres_options options_;
};

}  // namespace

std::shared_ptr<driver> postgres(std::string conninfo, postgres_options options) {
  return std::make_shared<postgres_driver>(std::move(conninfo), options);
}

}  // namespace whorl::db
