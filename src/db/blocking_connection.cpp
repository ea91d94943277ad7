#include <whorl/db/blocking_driver.h>

#include <utility>

namespace whorl::db {

namespace {

class held_rows final : public blocking_cursor {
 public:
  explicit held_rows(std::vector<row> held) : held_(std::move(held)) {}
  std::vector<row> fetch(may_block& /*wait*/, std::size_t /*most*/) override { return std::exchange(held_, {}); }

 private:
  std::vector<row> held_;
};

}  // namespace

std::unique_ptr<blocking_cursor> blocking_connection::open_cursor(may_block& wait, const statement& asked) {
  return std::make_unique<held_rows>(run(wait, asked).all);
}

void blocking_connection::begin(may_block& wait) { run(wait, make_statement("BEGIN")); }
void blocking_connection::commit(may_block& wait) { run(wait, make_statement("COMMIT")); }
void blocking_connection::roll_back(may_block& wait) { run(wait, make_statement("ROLLBACK")); }
void blocking_connection::ping(may_block& /*wait*/) {}

}  // namespace whorl::db
