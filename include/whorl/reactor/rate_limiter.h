// A rate_limiter lets so many pieces of work start in any stretch of time, first come, first served.
//
//     rate_limiter five_a_second(loop, 5, 1s);
//     co_await five_a_second.acquire();
//     auto page = co_await get_page(loop, url);
//
// It limits how often work starts; how much of it is underway at once is a semaphore's business. Both are made of one
// waiting_line; a permit of a semaphore would be given back when its work ends, here it comes back with time.
//
// Thread:   the loop's.
// Lifetime: destroying it fails those that wait with errc::closed.
// Cancel:   who is cancelled while it waits leaves the line, and its start goes to the next.
// Cost:     a timer for each start.
#pragma once

#include <whorl/deferred/waiting_line.h>
#include <whorl/reactor/reactor.h>

#include <cstddef>
#include <deque>

namespace whorl {

class rate_limiter {
 public:
  // At most `starts` in any stretch of length `period`. Throws misuse for none at all.
  rate_limiter(reactor& loop, std::size_t starts, duration period);
  rate_limiter(const rate_limiter&) = delete;
  rate_limiter& operator=(const rate_limiter&) = delete;

  // Fires when the next piece of work may start; at once if it may now.
  deferred<void> acquire();

  std::size_t free_starts() const noexcept { return free_; }
  std::size_t waiting() const noexcept { return line_.size(); }

 private:
  void take_start();
  void give_back();

  reactor& loop_;
  std::size_t free_;
  duration period_;
  std::deque<delayed_call> taken_;  // each ends when its start is a period ago
  waiting_line<void> line_;
};

}  // namespace whorl
