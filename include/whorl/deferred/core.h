// What deferreds are made of: a core holds a result that is not there yet, knows who waits for it and whom it waits
// for itself. Users see deferred<T> and promise<T>; this header exists because templates need it.
//
// Cores form chains. Each is a node, of three kinds:
//   a promise    fired from outside (promise.h), shared by its promise and its deferred;
//   a stage      one pair of callbacks on a deferred (stage.h), owned by the deferred that add_callback returned;
//   a coroutine  a frame (coroutine.h), owned by the deferred that the coroutine returned.
// A stage or coroutine that waits owns the node it waits for, so a chain is owned by its outermost deferred.
//
// Invariants:
//   waited_->waiter_ == this for every node with waited_;
//   a running node waits for nobody, so it is the innermost of its chain;
//   nothing here recurses along a chain: firing, cancelling and dropping are loops (S11).
#pragma once

#include <whorl/deferred/context.h>
#include <whorl/deferred/failure.h>
#include <whorl/deferred/frame_pool.h>
#include <whorl/deferred/pending.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <source_location>
#include <type_traits>
#include <utility>
#include <variant>

namespace whorl::detail {

class node : public framed {
 public:
  node() = default;
  node(const node&) = delete;
  node& operator=(const node&) = delete;

  // For the consumer, the one who holds the deferred.
  bool ready() const noexcept { return fired_ && pauses_ == 0; }
  bool fired() const noexcept { return fired_; }
  void pause() noexcept;
  void unpause();
  void cancel(const error& reason) noexcept;
  void detach() noexcept;
  void drop() noexcept;  // the deferred is gone: give up whatever is underway

  // `inner` is unfired or paused, and not reachable from here: see misuse_if_cyclic.
  void wait_for(node& inner, const std::source_location& at) noexcept;
  void misuse_if_cyclic(const node& inner) const;
  const std::source_location& awaiting_at() const noexcept { return awaiting_at_; }
  node* waited() const noexcept { return waited_; }

  // Who awaits whom, from the innermost of the nodes that this one waits for to the outermost that waits for it.
  async_stack stack() const;

  // Takes over what this node waited for, now that it has fired.
  node* take_waited() noexcept { return std::exchange(waited_, nullptr); }

  // Gives up what this node waits for, and forgets it.
  void drop_waited() noexcept;

  // Lets the waiter run: at once, unless the stack is already deep in such calls; then when it has unwound.
  void run_waiter() noexcept;

 protected:
  ~node() = default;

  // The node has its result.
  void set_fired() noexcept { fired_ = true; }

  // Hands a result on after this node ran: queues the waiter behind what is running now.
  void hand_on() noexcept;

  // Runs this node's own code in its context, with whatever became of it meanwhile (cancelled, dropped) seen to
  // afterwards.
  void run() noexcept;
  bool running() const noexcept { return running_; }

  bool detached_ = false;

 private:
  friend class run_queue;

  // What the kinds do differently.
  virtual void resume() noexcept = 0;                     // what it waited for is there
  virtual void stop(const error& /*reason*/) noexcept {}  // innermost and unfired: cancel; only promises are that
  virtual void dispose() noexcept = 0;                    // nobody waits any more: free, or leave to the producer
  virtual bool unrun_stage() const noexcept { return false; }
  virtual void report_unhandled() noexcept = 0;  // fired, and nobody looked: log a failure
  virtual async_frame frame() const noexcept = 0;
  virtual const node* outward() const noexcept { return waiter_; }

  node* source() noexcept;
  void drop_chain() noexcept;

  node* waiter_ = nullptr;
  node* waited_ = nullptr;
  node* next_queued_ = nullptr;
  node* doomed_root_ = nullptr;              // dropped while running: the outermost node to drop when it suspends
  std::unique_ptr<error> cancel_requested_;  // cancelled while running: the reason for its next wait
  std::source_location awaiting_at_;
  context_share context_;  // while it waits: of its own code
  std::uint32_t pauses_ = 0;
  bool fired_ = false;
  bool running_ = false;
  bool queued_ = false;
};

// void travels as std::monostate inside.
template <class T>
using stored = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

// A node with room for its result.
template <class T>
class core : public node {
 public:
  using value_type = stored<T>;

  // Holding a result and having fired are two steps, because a coroutine has its result before its locals are gone.
  template <class... Args>
  void hold_value(Args&&... args) {
    std::construct_at(std::addressof(value_), std::forward<Args>(args)...);
    held_ = held::value;
  }

  void hold_failure(failure why) noexcept {
    clear();
    std::construct_at(std::addressof(failure_), std::move(why));
    held_ = held::failure;
  }

  void hold(outcome<value_type>&& result) {
    if (result) {
      hold_value(std::move(*result));
    } else {
      hold_failure(std::move(result.error()));
    }
  }

  bool failed() const noexcept { return held_ == held::failure; }

  value_type& value() noexcept { return value_; }
  const failure& why() const noexcept { return failure_; }
  failure take_failure() noexcept {
    failure why = std::move(failure_);
    clear();
    return why;
  }

  // Empties the node of a failure: only a failure that is still here when the node dies was overlooked.
  outcome<value_type> take() {
    if (failed()) {
      return std::unexpected(take_failure());
    }
    return outcome<value_type>(std::in_place, std::move(value_));
  }

 protected:
  core() noexcept {}  // NOLINT(modernize-use-equals-default): the union starts empty
  ~core() { clear(); }

  void report_unhandled() noexcept final;

 private:
  enum class held : std::uint8_t { nothing, value, failure };

  void clear() noexcept {
    if (held_ == held::value) {
      std::destroy_at(std::addressof(value_));
    } else if (held_ == held::failure) {
      std::destroy_at(std::addressof(failure_));
    }
    held_ = held::nothing;
  }

  union {
    value_type value_;
    failure failure_;
  };
  held held_ = held::nothing;
};

void log_unhandled(const failure& why) noexcept;

template <class T>
void core<T>::report_unhandled() noexcept {
  if (failed()) {
    log_unhandled(failure_);
  }
}

}  // namespace whorl::detail
