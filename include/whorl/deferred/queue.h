// A queue hands items from those who put to those who get, in order, with back-pressure: where it is full, who puts
// waits; where it is empty, who gets waits.
//
// Thread:   belongs to one loop.
// Lifetime: destroying it, or close(), fails those that wait with errc::closed; close() leaves the items to be got.
// Fails:    try_put: errc::full at once; get: errc::full when `most_waiting` wait already (S32).
// Cancel:   who is cancelled while it waits leaves the line; an item is then not put, or goes to the next.
#pragma once

#include <whorl/deferred/waiting_line.h>

#include <cstddef>
#include <deque>
#include <limits>
#include <utility>

namespace whorl {

struct queue_limits {
  std::size_t most_items = std::numeric_limits<std::size_t>::max();
  std::size_t most_waiting = std::numeric_limits<std::size_t>::max();  // getters
};

template <class T>
class queue {
 public:
  explicit queue(queue_limits limits = {}) noexcept : limits_(limits) {}

  // Fires when the item is in.
  deferred<void> put(T item) {
    if (!closed_ && full() && getters_.empty()) {
      return putters_.join(std::move(item));
    }
    auto done = try_put(std::move(item));
    return done ? succeed() : fail<void>(std::move(done.error()));
  }

  result<void> try_put(T item) {
    if (closed_) {
      return std::unexpected(error(errc::closed, "put into a queue that was closed"));
    }
    if (!getters_.empty()) {
      getters_.serve_first(std::move(item));
    } else if (full()) {
      return std::unexpected(error(errc::full, "the queue is full: wait with put(), or drop something"));
    } else {
      items_.push_back(std::move(item));
    }
    return {};
  }

  deferred<T> get() {
    if (!items_.empty()) {
      T item = std::move(items_.front());
      items_.pop_front();
      if (!putters_.empty()) {
        items_.push_back(std::move(putters_.first_load()));
        putters_.serve_first();
      }
      return succeed(std::move(item));
    }
    if (closed_) {
      return fail<T>(error(errc::closed, "get from a queue that is closed and empty"));
    }
    if (getters_.size() >= limits_.most_waiting) {
      return fail<T>(error(errc::full, "too many wait for items of this queue"));
    }
    return getters_.join();
  }

  void close() {
    closed_ = true;
    getters_.fail_all(error(errc::closed, "the queue was closed"));
    putters_.fail_all(error(errc::closed, "the queue was closed"));
  }

  std::size_t size() const noexcept { return items_.size(); }
  bool full() const noexcept { return items_.size() >= limits_.most_items; }
  std::size_t waiting() const noexcept { return getters_.size(); }

 private:
  queue_limits limits_;
  bool closed_ = false;
  std::deque<T> items_;
  waiting_line<T> getters_;
  waiting_line<void, T> putters_;
};

}  // namespace whorl
