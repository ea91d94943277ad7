// A waiting_line is a first-in, first-out line of deferreds that wait for their turn: what lock, semaphore, queue, event
// and gate are built on.
//
// Thread:   belongs to one loop.
// Lifetime: destroying it fails those that wait with errc::closed.
// Cancel:   a deferred that is cancelled or dropped leaves the line.
// Cost:     joining takes one block from the free lists; leaving is O(1).
#pragma once

#include <whorl/deferred/deferred.h>

#include <cstddef>
#include <source_location>
#include <utility>
#include <variant>

namespace whorl {

// Load is what each of them brings along, such as the item that it wants to put.
template <class T, class Load = std::monostate>
class waiting_line {
 public:
  waiting_line() = default;
  waiting_line(const waiting_line&) = delete;
  waiting_line& operator=(const waiting_line&) = delete;
  ~waiting_line() { fail_all(errc::closed); }

  [[nodiscard]] deferred<T> join(Load load = Load(), std::source_location at = std::source_location::current()) {
    auto* last = new waiter(*this, std::move(load), at);
    link(*last);
    return last->turn.get_deferred();
  }

  bool empty() const noexcept { return first_ == nullptr; }
  std::size_t size() const noexcept { return size_; }

  // What the first one brought along. There is one.
  Load& first_load() noexcept { return first_->load; }

  // Lets the first one go. There is one.
  template <class... Value>
  void serve_first(Value&&... value) {
    take_first().callback(std::forward<Value>(value)...);
  }

  // Lets those go that wait now, and not those that join meanwhile.
  void serve_all() {
    for (std::size_t left = size_; left > 0 && !empty(); --left) {
      serve_first();
    }
  }

  // Fails those that wait now, first come, first served.
  void fail_all(const error& why) {
    for (std::size_t left = size_; left > 0 && !empty(); --left) {
      take_first().errback(why);
    }
  }

 private:
  struct waiter : detail::framed {
    waiter(waiting_line& line, Load brought, const std::source_location& at)
        : load(std::move(brought)), turn([this, &line] { line.leave(*this); }, at) {}
    Load load;
    promise<T> turn;
    waiter* before = nullptr;
    waiter* behind = nullptr;
  };

  void link(waiter& last) noexcept {
    last.before = last_;
    (last_ == nullptr ? first_ : last_->behind) = &last;
    last_ = &last;
    ++size_;
  }

  void unlink(waiter& gone) noexcept {
    (gone.before == nullptr ? first_ : gone.before->behind) = gone.behind;
    (gone.behind == nullptr ? last_ : gone.behind->before) = gone.before;
    --size_;
  }

  void leave(waiter& gone) noexcept {
    unlink(gone);
    delete &gone;
  }

  promise<T> take_first() noexcept {
    waiter* first = first_;
    unlink(*first);
    promise<T> turn = std::move(first->turn);
    delete first;
    return turn;
  }

  waiter* first_ = nullptr;
  waiter* last_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace whorl
