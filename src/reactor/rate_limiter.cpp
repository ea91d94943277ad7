#include <whorl/reactor/rate_limiter.h>

namespace whorl {

rate_limiter::rate_limiter(reactor& loop, std::size_t starts, duration period)
    : loop_(loop), free_(starts), period_(period) {
  loop_.require_this_thread("rate_limiter");
  if (starts == 0) {
    throw misuse("a rate_limiter that allows no starts at all: whoever waited for it would wait for ever");
  }
}

deferred<void> rate_limiter::acquire() {
  if (free_ == 0) {
    return line_.join();
  }
  take_start();
  return succeed();
}

void rate_limiter::take_start() {
  --free_;
  taken_.push_back(loop_.call_later(period_, [this] { give_back(); }));
}

void rate_limiter::give_back() {
  taken_.pop_front();  // all last equally long
  ++free_;
  if (!line_.empty()) {
    take_start();
    line_.serve_first();
  }
}

}  // namespace whorl
