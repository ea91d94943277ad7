// A mailbox is how other threads reach a loop: calls posted to it run on the loop's thread, in the order of their
// posting, in a later turn (S53), in the context of whoever posted.
//
// Thread:   any; copies are handles to the same box.
// Lifetime: may outlive its loop. Calls posted before the loop runs are kept (S54); calls that a loop never ran are
//           destroyed with it.
// Cost:     one allocation and one compare-and-swap a post; a system call only if the loop is asleep.
#pragma once

#include <whorl/deferred/context.h>

#include <concepts>
#include <memory>
#include <source_location>
#include <type_traits>
#include <utility>

namespace whorl {

namespace detail {
struct posted_call {
  posted_call() = default;
  posted_call(const posted_call&) = delete;
  posted_call& operator=(const posted_call&) = delete;
  virtual ~posted_call() = default;
  virtual void run() = 0;
  posted_call* next = nullptr;
  std::source_location at;  // where it was posted
};

template <class F>
struct posted_function final : posted_call {
  explicit posted_function(F f) : function(std::move(f)) {}
  void run() override { function(); }
  in_context<F> function;
};

class mailbox_state;
}  // namespace detail

class mailbox {
 public:
  // False, and the call is destroyed here and now, if the loop is gone. An exception from `call` is logged and the
  // rest goes on.
  template <std::invocable F>
  bool post(F call, std::source_location at = std::source_location::current()) const {
    auto posted = std::make_unique<detail::posted_function<F>>(std::move(call));
    posted->at = at;
    return post(std::unique_ptr<detail::posted_call>(std::move(posted)));
  }
  bool post(std::unique_ptr<detail::posted_call> call) const;

 private:
  friend class reactor;
  explicit mailbox(std::shared_ptr<detail::mailbox_state> state) noexcept : state_(std::move(state)) {}

  std::shared_ptr<detail::mailbox_state> state_;
};

}  // namespace whorl
