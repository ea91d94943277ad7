// A time limit on anything that is awaited.
//
//     auto page = co_await within(loop, get_page(loop, url), 5s);
//
// Thread: the loop's.
#pragma once

#include <whorl/deferred/deferred.h>
#include <whorl/reactor/reactor.h>

#include <source_location>
#include <utility>

namespace whorl {

namespace detail {

error not_done_within(duration limit);

// Stands between the work and whoever awaits it.
template <class T>
class time_limit final : public core<T> {
 public:
  static deferred<T> make(reactor& loop, deferred<T> work, duration limit, const std::source_location& at) {
    loop.require_this_thread("within");
    auto* made = new time_limit(limit);
    deferred<T> limited = deferred_of<T>(*made);
    made->set_at(at);
    made->wait_for(node_of(std::move(work)));
    if (made->waited()->ready()) {
      made->run();
    } else {
      made->expiry_ = loop.call_later(limit, [made] {
        made->expired_ = true;
        made->cancel(errc::cancelled);
      });
    }
    return limited;
  }

 private:
  explicit time_limit(duration limit) noexcept : limit_(limit) {}

  void resume() noexcept override {
    expiry_.cancel();
    auto result = deferred_of(static_cast<core<T>&>(*this->take_waited())).take();
    if (!result && expired_ && result.error().check(errc::cancelled)) {
      this->hold_failure(failure(not_done_within(limit_)));
    } else {
      this->hold(std::move(result));
    }
    this->set_fired();
  }

  void dispose() noexcept override { delete this; }
  async_frame frame() const noexcept override { return {"a time limit set", this->at()}; }

  delayed_call expiry_;
  duration limit_;
  bool expired_ = false;
};

}  // namespace detail

// The work's result if it comes within `limit`. When the time is over the work is cancelled, and what that makes of it is
// waited for: its cancellation becomes errc::timed_out; if it ends otherwise all the same, so does this (S21).
// Cancel: the work's, which then stays a cancellation.
template <class T>
deferred<T> within(reactor& loop, deferred<T> work, duration limit,
                   std::source_location at = std::source_location::current()) {
  return detail::time_limit<T>::make(loop, std::move(work), limit, at);
}

}  // namespace whorl
