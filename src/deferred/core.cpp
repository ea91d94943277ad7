#include <whorl/deferred/core.h>
#include <whorl/deferred/deferred.h>
#include <whorl/deferred/log.h>

#include <fmt/format.h>

namespace whorl::detail {

namespace {

// How many firings may run inside each other on one stack before further ones wait for it to unwind.
constexpr int max_nested_firings = 64;

// How far a chain is searched for a node that would come to wait for itself.
constexpr int max_cycle_search = 1000;

}  // namespace

// The nodes that may run now, in the order they became so. One queue for each firing that is underway on the stack,
// innermost first: a node that finishes queues its waiter here instead of calling it.
class run_queue {
 public:
  static void enqueue(node& ready) noexcept { this_thread.innermost_firing->push(ready); }

  static void run_now(node& ready) noexcept {
    run_queue* innermost = this_thread.innermost_firing;
    if (innermost != nullptr && innermost->depth_ >= max_nested_firings) {
      innermost->push(ready);
      return;
    }
    run_queue queue;
    queue.push(ready);
    while (node* next = queue.pop()) {
      if (next->waited_ != nullptr && next->waited_->ready()) {
        next->run();
      }
    }
  }

  static void remove(node& gone) noexcept {
    for (run_queue* queue = this_thread.innermost_firing; queue != nullptr && gone.queued_; queue = queue->outer_) {
      queue->unlink(gone);
    }
  }

 private:
  run_queue() noexcept
      : outer_(std::exchange(this_thread.innermost_firing, this)), depth_(outer_ == nullptr ? 1 : outer_->depth_ + 1) {}
  ~run_queue() { this_thread.innermost_firing = outer_; }

 public:
  run_queue(const run_queue&) = delete;
  run_queue& operator=(const run_queue&) = delete;

 private:
  void push(node& ready) noexcept {
    if (ready.queued_) {
      return;
    }
    ready.queued_ = true;
    ready.next_queued_ = nullptr;
    (last_ == nullptr ? first_ : last_->next_queued_) = &ready;
    last_ = &ready;
  }

  node* pop() noexcept {
    node* next = first_;
    if (next != nullptr) {
      first_ = next->next_queued_;
      if (first_ == nullptr) {
        last_ = nullptr;
      }
      next->queued_ = false;
    }
    return next;
  }

  void unlink(node& gone) noexcept {
    node* before = nullptr;
    for (node* at = first_; at != nullptr; before = at, at = at->next_queued_) {
      if (at == &gone) {
        (before == nullptr ? first_ : before->next_queued_) = gone.next_queued_;
        if (last_ == &gone) {
          last_ = before;
        }
        gone.queued_ = false;
        return;
      }
    }
  }

  run_queue* outer_;
  node* first_ = nullptr;
  node* last_ = nullptr;
  int depth_;
};

constinit thread_local thread_state this_thread;

void node::wait_for(node& inner, const std::source_location& at) noexcept {
  waited_ = &inner;
  inner.waiter_ = this;
  awaiting_at_ = at;
  context_ = context_share::current();
}

void node::misuse_if_cyclic(const node& inner) const {
  // This node is the innermost of its chain, and `inner` the outermost of its own. Whoever has no waiter is the
  // outermost too, so that mostly there is nothing to search.
  const node* at = &inner;
  const int most = waiter_ == nullptr ? 1 : max_cycle_search;
  for (int depth = 0; at != nullptr && depth < most; ++depth) {
    if (at == this) {
      throw misuse(
          "a deferred was made to wait for itself, so it could never fire: return or await another deferred than the "
          "one whose callback or coroutine this is");
    }
    at = at->waited_;
  }
}

void node::run() noexcept {
  running_ = true;
  {
    const context_share context = std::move(context_);
    const context_scope scope(context);
    resume();
  }
  running_ = false;
  if (doomed_root_ != nullptr) {
    std::exchange(doomed_root_, nullptr)->drop();
  } else if (fired_) {
    hand_on();
  } else if (cancel_requested_) {
    const auto reason = std::move(cancel_requested_);
    cancel(*reason);
  }
}

void node::hand_on() noexcept {
  if (detached_) {
    report_unhandled();
    dispose();
  } else if (waiter_ != nullptr && pauses_ == 0) {
    run_queue::enqueue(*waiter_);
  }
}

void node::run_waiter() noexcept {
  if (detached_) {
    report_unhandled();
    dispose();
  } else if (waiter_ != nullptr && pauses_ == 0) {
    run_queue::run_now(*waiter_);
  }
}

void node::detach() noexcept {
  if (fired_ && !running_) {
    drop();
  } else {
    detached_ = true;
  }
}

void node::cancel(const error& reason) noexcept {
  node* innermost = this;
  while (innermost->waited_ != nullptr) {
    innermost = innermost->waited_;
  }
  if (innermost->fired_) {
    return;
  }
  if (!innermost->running_) {
    innermost->stop(reason);
  } else if (!innermost->cancel_requested_) {
    innermost->cancel_requested_ = std::make_unique<error>(reason);
  }
}

void node::drop() noexcept {
  node* innermost = this;
  while (innermost->waited_ != nullptr) {
    innermost = innermost->waited_;
  }
  if (innermost->running_) {
    innermost->doomed_root_ = this;
    return;
  }
  while (innermost != nullptr) {
    node* outer = innermost == this ? nullptr : innermost->waiter_;
    if (outer != nullptr) {
      outer->waited_ = nullptr;
    }
    run_queue::remove(*innermost);
    if (innermost->fired_) {
      innermost->report_unhandled();
    }
    innermost->dispose();
    innermost = outer;
  }
}

void node::drop_waited() noexcept {
  run_queue::remove(*this);
  take_waited()->drop();
}

node* node::source() noexcept {
  node* at = this;
  while (at->unrun_stage() && at->waited_ != nullptr) {
    at = at->waited_;
  }
  return at;
}

void node::pause() noexcept { ++source()->pauses_; }

void node::unpause() {
  node* from = source();
  if (from->pauses_ == 0) {
    throw misuse("unpause() without a pause() before it: every pause() is undone by exactly one unpause()");
  }
  if (--from->pauses_ == 0 && from->fired_) {
    from->run_waiter();
  }
}

void log_unhandled(const failure& why) noexcept {
  try {
    log(log_level::error, "unhandled failure in a deferred", {{"failure", why.describe()}});
  } catch (...) {
    log(log_level::error, "unhandled failure in a deferred, which could not be described");
  }
}

namespace {

std::string place(const std::source_location& at) { return fmt::format("{}:{}", at.file_name(), at.line()); }

}  // namespace

void throw_already_fired(const std::source_location& created, const std::source_location& fired_at) {
  throw misuse(
      fmt::format("the promise created at {} was fired twice; it first fired at {}. A promise fires once: "
                  "keep one owner who fires it, or ask fired() before",
                  place(created), place(fired_at)));
}

void throw_wrong_thread(const std::source_location& created) {
  throw misuse(
      fmt::format("the promise created at {} was fired on another thread than its own: go to its loop with "
                  "call_from_thread and fire it there",
                  place(created)));
}

void throw_second_deferred(const std::source_location& created) {
  throw misuse(fmt::format("get_deferred() was called twice on the promise created at {}: its result has one taker",
                           place(created)));
}

void throw_not_ready() {
  throw misuse("take() on a deferred that has no result to take: it has not fired, is paused, or was consumed before");
}

failure broken_promise(const std::source_location& created) {
  return failure(error(errc::broken_promise,
                       fmt::format("the promise created at {} was destroyed without being fired", place(created)),
                       created));
}

void log_throwing_canceller(const std::source_location& created) noexcept {
  log(log_level::error, "a canceller threw", {{"promise", place(created)}, {"failure", failure::current().describe()}});
}

}  // namespace whorl::detail
