#include <whorl/deferred/core.h>
#include <whorl/deferred/deferred.h>
#include <whorl/deferred/log.h>

#include <fmt/format.h>

#include <memory>
#include <optional>
#include <utility>

namespace whorl::detail {

namespace {

// How many firings may run inside each other on one stack before further ones wait for it to unwind.
constexpr std::uint32_t max_nested_firings = 64;

// How far a chain is searched for a node that would come to wait for itself.
constexpr int max_cycle_search = 1000;

}  // namespace

constinit thread_local thread_state this_thread;

void node::search_cycle(const node& inner) const {
  const node* at = &inner;
  for (int depth = 0; at != nullptr && depth < max_cycle_search; ++depth) {
    if (at == this) {
      throw misuse(
          "a deferred was made to wait for itself, so it could never fire: return or await another deferred than the "
          "one whose callback or coroutine this is");
    }
    at = at->waited_;
  }
}

// What is asked of a node while it runs, which has to wait until it suspends.
struct request {
  node* of;
  request* next;
  node* doomed_root = nullptr;  // the outermost node to drop
  std::optional<error> cancel;  // the reason for its next wait
};

void node::resume_in_context() noexcept {
  const context_share kept = context_share::adopt(std::exchange(context_, nullptr));
  const context_scope scope(kept);
  if (frame_) {
    frame_.resume();
  } else {
    resume();
  }
}

// While it lives, the node's own code runs.
class running_scope {
 public:
  explicit running_scope(const node& here) noexcept : outer_(std::exchange(this_thread.running, &here)) {}
  ~running_scope() { this_thread.running = outer_; }
  running_scope(const running_scope&) = delete;
  running_scope& operator=(const running_scope&) = delete;

 private:
  const node* outer_;
};

// Runs this node's own code in its context, and sees to what was asked of it meanwhile. Returns who may run next.
[[gnu::always_inline]] inline node* node::run_code() noexcept {
  activity_ = activity::running;
  const running_scope scope(*this);
  if (context_ != nullptr || this_thread.context != nullptr) [[unlikely]] {
    resume_in_context();
  } else if (frame_) {
    frame_.resume();
  } else {
    resume();
  }
  if (activity_ == activity::asked) [[unlikely]] {
    return heed_request();
  }
  activity_ = activity::none;
  return fired_ ? next_to_run() : nullptr;
}

node* node::heed_request() noexcept {
  activity_ = activity::none;
  request** link = &this_thread.requests;
  while ((*link)->of != this) {
    link = &(*link)->next;
  }
  const std::unique_ptr<request> asked(*link);
  *link = asked->next;
  if (asked->doomed_root != nullptr) {
    asked->doomed_root->drop();
    return nullptr;
  }
  if (fired_) {
    return next_to_run();
  }
  if (asked->cancel) {
    cancel(*asked->cancel);
  }
  return nullptr;
}

request& node::ask() {
  if (activity_ == activity::running) {
    this_thread.requests = new request{this, this_thread.requests, nullptr, std::nullopt};
    activity_ = activity::asked;
  }
  request* mine = this_thread.requests;
  while (mine->of != this) {
    mine = mine->next;
  }
  return *mine;
}

node* node::proceed() noexcept { return run_code(); }

void node::run() noexcept { static_cast<void>(run_code()); }

[[gnu::always_inline]] inline node* node::run_next() noexcept { return frame_ ? run_code() : proceed(); }

// A chain is run from its inside out, one node after the other.
void node::run_from(node& first) noexcept {
  thread_state& here = this_thread;
  if (here.nested_firings >= max_nested_firings) [[unlikely]] {
    run_deep(first);
    return;
  }
  ++here.nested_firings;
  for (node* next = &first; next != nullptr;) {
    next = next->run_next();
  }
  --here.nested_firings;
}

// The deepest firing that may run sees to those that are postponed below it, whenever the node that it runs has returned.
void node::run_deep(node& first) noexcept {
  thread_state& here = this_thread;
  if (here.nested_firings > max_nested_firings) {
    first.postpone();
    return;
  }
  ++here.nested_firings;
  for (node* next = &first; next != nullptr;) {
    next = next->run_next();
    if (here.first_postponed != nullptr) {
      next = oldest_postponed(next);
    }
  }
  --here.nested_firings;
}

// `last`, if there is one, takes its turn behind those that wait already.
node* node::oldest_postponed(node* last) noexcept {
  if (last != nullptr) {
    last->postpone();
  }
  while (node* oldest = this_thread.first_postponed) {
    oldest->forget_postponed();
    if (oldest->waited_ != nullptr && oldest->waited_->ready()) {
      return oldest;
    }
  }
  return nullptr;
}

void node::postpone() noexcept {
  if (postponed_) {
    return;
  }
  thread_state& here = this_thread;
  postponed_ = true;
  next_postponed_ = nullptr;
  (here.last_postponed == nullptr ? here.first_postponed : here.last_postponed->next_postponed_) = this;
  here.last_postponed = this;
}

void node::forget_postponed() noexcept {
  if (!postponed_) {
    return;
  }
  thread_state& here = this_thread;
  node* before = nullptr;
  for (node* at = here.first_postponed; at != this; at = at->next_postponed_) {
    before = at;
  }
  (before == nullptr ? here.first_postponed : before->next_postponed_) = next_postponed_;
  if (here.last_postponed == this) {
    here.last_postponed = before;
  }
  postponed_ = false;
}

void node::detach() noexcept {
  if (fired_ && activity_ == activity::none) {
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
  if (innermost->activity_ == activity::none) {
    innermost->stop(reason);
  } else if (request& later = innermost->ask(); !later.cancel) {
    later.cancel = reason;
  }
}

void node::drop_chain() noexcept {
  node* innermost = this;
  while (innermost->waited_ != nullptr) {
    innermost = innermost->waited_;
  }
  if (innermost->activity_ != activity::none) {
    innermost->ask().doomed_root = this;
    return;
  }
  while (innermost != nullptr) {
    node* outer = innermost == this ? nullptr : innermost->waiter_;
    if (outer != nullptr) {
      outer->waited_ = nullptr;
    }
    innermost->forget_postponed();
    innermost->end();
    innermost = outer;
  }
}

void node::drop_waited() noexcept {
  forget_postponed();
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
