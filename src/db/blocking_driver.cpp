#include <whorl/db/blocking_driver.h>

#include "db/blocking_place.h"

#include <fmt/format.h>

#include <mutex>
#include <shared_mutex>
#include <stop_token>

namespace whorl::db {

namespace {

using detail::blocking_place;
using detail::connection_table;

constexpr std::size_t rows_at_a_time = 256;

using entry = connection_table::entry;

// While a call runs, being told to stop interrupts it.
template <class F>
auto call(entry& own, const std::stop_token& stop, F f) {
  const std::stop_callback on_stop(stop, [&own] { own.of_driver->interrupt(); });
  try {
    return f(*own.of_driver);
  } catch (...) {
    *own.broken.seen = own.of_driver->broken();
    throw;
  }
}

void open_in(connection_table& in, may_block& wait, std::stop_token /*stop*/, std::uint64_t number, open_blocking open,
             std::string target, connection_table::broken_mark broken) {
  in.add(number, open(wait, std::move(target)), std::move(broken));
}

rows run_in(connection_table& in, may_block& wait, std::stop_token stop, std::uint64_t number, statement asked) {
  const auto own = in.find(number);
  const std::shared_lock turn(own->turn);
  return call(*own, stop, [&](blocking_connection& of) { return of.run(wait, asked); });
}

void open_cursor_in(connection_table& in, may_block& wait, std::stop_token stop, std::uint64_t number,
                    std::uint64_t cursor, statement asked) {
  const auto own = in.find(number);
  const std::shared_lock turn(own->turn);
  in.add_cursor(cursor, call(*own, stop, [&](blocking_connection& of) { return of.open_cursor(wait, asked); }));
}

std::vector<row> fetch_in(connection_table& in, may_block& wait, std::stop_token stop, std::uint64_t number,
                          std::uint64_t cursor, std::source_location at) {
  const auto own = in.find(number);
  const auto from = in.find_cursor(cursor);
  const auto use = from->check.enter(at);
  const std::shared_lock turn(own->turn);
  return call(*own, stop, [&](blocking_connection&) { return from->of_driver->fetch(wait, rows_at_a_time); });
}

void close_cursor_in(connection_table& in, may_block& /*wait*/, std::stop_token /*stop*/, std::uint64_t cursor) {
  in.remove_cursor(cursor);
}

void close_in(connection_table& in, may_block& /*wait*/, std::stop_token /*stop*/, std::uint64_t number) {
  in.remove(number);
}

enum class step : std::uint8_t { begin, commit, roll_back, ping };

void take_step(blocking_connection& own, may_block& wait, step which) {
  switch (which) {
    case step::begin: own.begin(wait); break;
    case step::commit: own.commit(wait); break;
    case step::roll_back: own.roll_back(wait); break;
    case step::ping: own.ping(wait); break;
  }
}

void take_step_in(connection_table& in, may_block& wait, std::stop_token stop, std::uint64_t number, step which) {
  const auto own = in.find(number);
  const std::unique_lock turn(own->turn);
  call(*own, stop, [&](blocking_connection& of) { take_step(of, wait, which); });
}

class blocking_row_source final : public row_source {
 public:
  blocking_row_source(std::shared_ptr<blocking_place> place, std::uint64_t number, std::uint64_t cursor,
                      std::source_location at)
      : place_(std::move(place)), number_(number), cursor_(cursor), at_(at) {}
  ~blocking_row_source() override {
    place_->call<close_cursor_in>(cursor_).add_errback([](const failure&) {}).detach();
  }

  deferred<std::vector<row>> next_rows() override { return place_->call<fetch_in>(number_, cursor_, at_); }

 private:
  const std::shared_ptr<blocking_place> place_;
  const std::uint64_t number_;
  const std::uint64_t cursor_;
  const std::source_location at_;
};

class blocking_session final : public session {
 public:
  blocking_session(std::shared_ptr<blocking_place> place, std::uint64_t number, connection_table::broken_mark broken)
      : place_(std::move(place)), number_(number), broken_(std::move(broken)) {}
  ~blocking_session() override {
    place_->call<close_in>(number_).add_errback([](const failure&) {}).detach();
  }

  deferred<rows> query(statement asked) override { return place_->call<run_in>(number_, std::move(asked)); }

  deferred<std::unique_ptr<row_source>> stream(statement asked) override {
    const std::uint64_t cursor = blocking_place::next_number();
    auto source = std::make_unique<blocking_row_source>(place_, number_, cursor, asked.text.at);
    return place_->call<open_cursor_in>(number_, cursor, std::move(asked))
        .add_callback(
            [source = std::unique_ptr<row_source>(std::move(source))]() mutable { return std::move(source); });
  }

  deferred<void> begin() override {
    *in_transaction_ = true;
    return take(step::begin).add_errback([open = in_transaction_](const failure& why) {
      *open = why.check(errc::cancelled);  // then it may have begun all the same
      why.raise();
    });
  }
  deferred<void> commit() override { return end_with(step::commit); }
  deferred<void> roll_back() override { return end_with(step::roll_back); }
  bool in_transaction() const noexcept override { return *in_transaction_; }

  bool broken() const noexcept override { return *broken_.seen; }
  bool idle() const noexcept override { return true; }  // what is underway is waited for by what comes next
  deferred<void> settle() override { return succeed(); }
  deferred<void> ping() override { return take(step::ping); }

 private:
  deferred<void> take(step which) { return place_->call<take_step_in>(number_, which); }
  deferred<void> end_with(step which) {
    return take(which).add_callback([open = in_transaction_] { *open = false; });
  }

  const std::shared_ptr<blocking_place> place_;
  const std::uint64_t number_;
  const connection_table::broken_mark broken_;
  const std::shared_ptr<bool> in_transaction_ = std::make_shared<bool>(false);
};

class blocking_driver_of final : public driver {
 public:
  blocking_driver_of(driver_module of, open_blocking open, std::string target)
      : module_(std::move(of)), open_(open), target_(std::move(target)) {}

  std::string name() const override { return fmt::format("{} \"{}\"", module_.name, target_); }

  deferred<std::unique_ptr<session>> open() override {
    if (module_.safety >= thread_safety::connections && !pool_) {
      pool_ = blocking_place::make_pool(module_);
    }
    auto place = blocking_place::for_connection(module_, pool_);
    const std::uint64_t number = blocking_place::next_number();
    const connection_table::broken_mark broken;
    auto opened = std::make_unique<blocking_session>(place, number, broken);
    return place->call<open_in>(number, open_, target_, broken)
        .add_callback([opened = std::unique_ptr<session>(std::move(opened))]() mutable { return std::move(opened); });
  }

  bool worth_another_try(const error& /*why*/) const noexcept override { return false; }

 private:
  const driver_module module_;
  const open_blocking open_;
  const std::string target_;
  std::shared_ptr<blocking_place> pool_;
};

}  // namespace

std::shared_ptr<driver> blocking_driver(driver_module of, open_blocking open, std::string target) {
  return std::make_shared<blocking_driver_of>(std::move(of), open, std::move(target));
}

}  // namespace whorl::db
