#include "db/pool.h"

#include <whorl/reactor/within.h>

#include <fmt/format.h>

#include <algorithm>

namespace whorl::db::detail {

namespace {

// For a server to say that it is there, and for one connection to come into order.
constexpr duration patience = std::chrono::seconds(5);

}  // namespace

deferred<connection> pool::take(std::shared_ptr<pool> from) {
  for (;;) {
    if (from->closed_) {
      throw error(errc::closed, fmt::format("the database {} was closed", from->driver_->name()));
    }
    auto free = from->take_idle();
    if (!free) {
      break;
    }
    const bool trusted = from->loop_.now() - free->since <= from->options_.trusted_idle;
    connection lent(from, std::move(free->kept));
    if (trusted) {
      co_return lent;
    }
    auto there = co_await still_there(from, &lent.of_driver());
    if (there) {
      co_return lent;
    }
  }
  if (from->line_.size() >= from->options_.most_waiting) {
    throw error(errc::full,
                fmt::format("{} wait for a connection to {} already", from->line_.size(), from->driver_->name()));
  }
  auto turn = from->line_.join();
  from->open_if_wanted();
  auto granted = co_await within(from->loop_, std::move(turn), from->options_.longest_wait).result();
  if (granted) {
    co_return std::move(*granted);
  }
  if (granted.error().is(errc::timed_out)) {
    throw error(from->no_connection());
  }
  throw error(granted.error());
}

// One that does not answer is broken when it is given back.
deferred<bool> pool::still_there(std::shared_ptr<pool> in, session* asked) {
  auto answered = co_await within(in->loop_, asked->ping(), patience).result();
  co_return answered.has_value();
}

std::optional<pool::idle_session> pool::take_idle() noexcept {
  while (!idle_.empty()) {
    idle_session last = std::move(idle_.back());
    idle_.pop_back();
    if (!last.kept->broken()) {
      return last;
    }
    drop(std::move(last.kept));
  }
  return std::nullopt;
}

void pool::open_if_wanted() {
  while (!closed_ && opening_ < line_.size() && connections_ < options_.most_connections) {
    ++opening_;
    ++connections_;
    open_one(shared_from_this()).detach();
  }
}

deferred<void> pool::open_one(std::shared_ptr<pool> in) {
  duration pause = in->options_.first_pause;
  while (!in->closed_ && !in->line_.empty()) {
    try {
      auto opened = co_await in->driver_->open();
      --in->opening_;
      ++in->counted_.opened;
      in->why_not_.reset();
      in->offer(std::move(opened));
      co_return;
    } catch (...) {
      in->why_not_ = failure::current().error();
    }
    ++in->counted_.failed_attempts;
    if (!in->driver_->worth_another_try(*in->why_not_)) {
      in->line_.fail_all(*in->why_not_);
      break;
    }
    auto slept = co_await within(in->loop_, in->closing_.wait(), in->jittered(pause)).result();
    if (!slept && !slept.error().is(errc::timed_out)) {
      break;
    }
    pause = std::min(2 * pause, in->options_.longest_pause);
  }
  --in->opening_;
  in->one_less();
}

duration pool::jittered(duration pause) {
  return std::chrono::duration_cast<duration>(pause * std::uniform_real_distribution(0.5, 1.0)(random_));
}

error pool::no_connection() const {
  if (why_not_) {
    return {errc::timed_out, fmt::format("no connection to {} within {} ms: {}", driver_->name(),
                                         options_.longest_wait / std::chrono::milliseconds(1), why_not_->message())};
  }
  return {
      errc::timed_out,
      fmt::format("no connection to {} was free within {} ms: all {} are in use; keep them for shorter, or allow more "
                  "(most_connections)",
                  driver_->name(), options_.longest_wait / std::chrono::milliseconds(1), connections_)};
}

void pool::offer(std::unique_ptr<session> free) noexcept {
  if (closed_ || free->broken()) {
    drop(std::move(free));
  } else if (line_.empty()) {
    idle_.push_back({std::move(free), loop_.now()});
  } else {
    line_.serve_first(connection(shared_from_this(), std::move(free)));
  }
}

void pool::give_back(std::unique_ptr<session> used) noexcept {
  if (used->broken() || (used->idle() && !used->in_transaction())) {
    offer(std::move(used));
  } else {
    put_in_order(shared_from_this(), std::move(used)).detach();
  }
}

deferred<void> pool::put_in_order(std::shared_ptr<pool> in, std::unique_ptr<session> used) {
  auto how = co_await within(in->loop_, used->settle(), patience).result();
  if (how && !used->broken() && used->in_transaction()) {
    how = co_await within(in->loop_, used->roll_back(), patience).result();
  }
  if (how) {
    in->offer(std::move(used));
  } else {
    in->drop(std::move(used));
  }
}

void pool::drop(std::unique_ptr<session> broken) noexcept {
  broken.reset();
  ++counted_.dropped;
  one_less();
}

void pool::one_less() noexcept {
  --connections_;
  if (closed_ && connections_ == 0) {
    all_gone_.set();
  }
  open_if_wanted();
}

void pool::shut() noexcept {
  closed_ = true;
  closing_.set();
  line_.fail_all(error(errc::closed, fmt::format("the database {} was closed", driver_->name())));
  while (!idle_.empty()) {
    auto last = std::move(idle_.back().kept);
    idle_.pop_back();
    drop(std::move(last));
  }
  if (connections_ == 0) {
    all_gone_.set();
  }
}

deferred<void> pool::close(std::shared_ptr<pool> closed) {
  closed->shut();
  co_await closed->all_gone_.wait();
}

database_statistics pool::statistics() const noexcept {
  database_statistics now = counted_;
  now.open = connections_;
  now.idle = idle_.size();
  now.waiting = line_.size();
  return now;
}

}  // namespace whorl::db::detail
