// cancel_on lets a std::stop_token, which may be told to stop on any thread, cancel work on its loop.
//
//     auto page = co_await cancel_on(loop, get_page(loop, url), token);
//
// The other way round is a canceller: promise<T> done([source]() mutable { source.request_stop(); }) asks for a stop when
// its deferred is cancelled or dropped. And what runs in a place is given a token of its own (defer_to).
//
// Thread: the loop's; request_stop() any.
#pragma once

#include <whorl/deferred/cancel_handle.h>
#include <whorl/reactor/mailbox.h>
#include <whorl/reactor/reactor.h>

#include <stop_token>
#include <utility>

namespace whorl {

namespace detail {

// Called on any thread; all that it does there is copy the handle, which is used on the loop.
class cancel_from_thread {
 public:
  cancel_from_thread(mailbox home, cancel_handle work) noexcept : home_(std::move(home)), work_(std::move(work)) {}

  void operator()() const {
    home_.post([work = work_] { work.cancel(error(errc::cancelled, "a stop was requested of its std::stop_token")); });
  }

 private:
  mailbox home_;
  cancel_handle work_;
};

}  // namespace detail

// The work's outcome. Once a stop is requested, the work is cancelled in a later turn of its loop; if it has ended by
// then, or the loop has, nothing happens.
// Cancel: the work's.
template <class T>
deferred<T> cancel_on(reactor& loop, deferred<T> work, std::stop_token token) {
  loop.require_this_thread("cancel_on");
  cancel_handle handle;
  auto cancellable = handle.attach(std::move(work));
  const std::stop_callback registered(std::move(token), detail::cancel_from_thread(loop.get_mailbox(), handle));
  co_return co_await std::move(cancellable);
}

}  // namespace whorl
