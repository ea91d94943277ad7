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
  bool failed() const noexcept { return held_ == held::failure; }
  void pause() noexcept;
  void unpause();
  void cancel(const error& reason) noexcept;
  void detach() noexcept;

  // The deferred is gone: give up whatever is underway.
  void drop() noexcept {
    if (waited_ == nullptr && meanwhile_ == nullptr && !postponed_) {
      end();
    } else {
      drop_chain();
    }
  }

  // It was ready, and its result has been taken: nothing is left but to free it.
  void finished() noexcept { dispose(); }

  // `inner` is unfired or paused, and not reachable from here: see misuse_if_cyclic.
  void wait_for(node& inner, const std::source_location& at) noexcept {
    waited_ = &inner;
    inner.waiter_ = this;
    awaiting_at_ = at;
    context_ = this_thread.context;
    context_values::retain(context_);
  }
  // This node is the innermost of its chain, and `inner` the outermost of its own. Whoever has no waiter is the
  // outermost too, and whoever waits for nobody the innermost, so that mostly there is nothing to search.
  void misuse_if_cyclic(const node& inner) const {
    if (&inner == this || (waiter_ != nullptr && inner.waited_ != nullptr)) [[unlikely]] {
      search_cycle(inner);
    }
  }
  const std::source_location& awaiting_at() const noexcept { return awaiting_at_; }
  node* waited() const noexcept { return waited_; }

  // Who awaits whom, from the innermost of the nodes that this one waits for to the outermost that waits for it.
  async_stack stack() const;

  // Takes over what this node waited for, now that it has fired.
  node* take_waited() noexcept { return std::exchange(waited_, nullptr); }

  // Gives up what this node waits for, and forgets it.
  void drop_waited() noexcept;

  // Lets the waiter run: at once, unless the stack is already deep in such calls; then when it has unwound.
  void run_waiter() noexcept {
    if (node* waiter = next_to_run()) {
      run_from(*waiter);
    }
  }

 protected:
  enum class held : std::uint8_t { nothing, value, failure };

  ~node() {
    if (context_ != nullptr) [[unlikely]] {
      context_values::release(context_);
    }
  }

  // The node has its result.
  void set_fired() noexcept { fired_ = true; }

  // Runs this node's own code, for the first time: nobody waits for it yet.
  void run() noexcept;

 private:
  // What is asked of a node while it runs, which has to wait until it suspends.
  struct request {
    node* doomed_root = nullptr;  // the outermost node to drop
    std::optional<error> cancel;  // the reason for its next wait
  };

  // What the kinds do differently.
  virtual void resume() noexcept = 0;                     // what it waited for is there
  virtual void stop(const error& /*reason*/) noexcept {}  // innermost and unfired: cancel; only promises are that
  virtual void dispose() noexcept = 0;                    // nobody waits any more: free, or leave to the producer
  virtual bool unrun_stage() const noexcept { return false; }
  virtual void report_unhandled() noexcept = 0;  // it holds a failure that nobody looked at
  virtual async_frame frame() const noexcept = 0;
  virtual const node* outward() const noexcept { return waiter_; }

  // Whoever waits for the result of this node, which has fired, and may have it now.
  node* next_to_run() noexcept {
    if (detached_) [[unlikely]] {
      end();
      return nullptr;
    }
    return pauses_ == 0 ? waiter_ : nullptr;
  }

  void end() noexcept {
    if (fired_ && failed()) [[unlikely]] {
      report_unhandled();
    }
    dispose();
  }

  // Runs this node's own code in its context, and sees to what was asked of it meanwhile. Returns who may run next.
  node* run_once() noexcept;
  [[gnu::noinline]] void resume_in(const context_values* context) noexcept;
  node* heed(const request& asked) noexcept;
  request& ask();
  static void run_from(node& first) noexcept;
  static node* oldest_postponed(node* last) noexcept;
  void postpone() noexcept;
  void forget_postponed() noexcept;
  void drop_chain() noexcept;
  void search_cycle(const node& inner) const;
  node* source() noexcept;

  // The members fill words, so that setting them up takes few stores, and reading one back never waits for two of them.
  std::uint32_t pauses_ = 0;
  bool fired_ = false;
  bool postponed_ = false;

 protected:
  bool detached_ = false;
  held held_ = held::nothing;

 private:
  node* waiter_ = nullptr;
  node* waited_ = nullptr;
  std::unique_ptr<request>* meanwhile_ = nullptr;  // while it runs
  node* next_postponed_ = nullptr;
  std::source_location awaiting_at_;
  const context_values* context_ = nullptr;  // a share, while it waits: of its own code
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

  value_type& value() noexcept { return value_; }
  const failure& why() const noexcept { return failure_; }
  failure take_failure() noexcept {
    failure why = std::move(failure_);
    clear();
    return why;
  }

  // Empties the node of a failure: only a failure that is still here when the node dies was overlooked.
  outcome<value_type> take() {
    if (this->failed()) {
      return std::unexpected(take_failure());
    }
    return outcome<value_type>(std::in_place, std::move(value_));
  }

 protected:
  core() noexcept {}  // NOLINT(modernize-use-equals-default): the union starts empty
  ~core() { clear(); }

  void report_unhandled() noexcept final;

 private:
  using node::held_;
  using typename node::held;

  void clear() noexcept {
    if (held_ == held::failure) [[unlikely]] {
      forget_failure();
    } else if (!std::is_trivially_destructible_v<value_type> && held_ == held::value) {
      std::destroy_at(std::addressof(value_));
    }
    held_ = held::nothing;
  }
  [[gnu::noinline]] void forget_failure() noexcept { std::destroy_at(std::addressof(failure_)); }

  union {
    value_type value_;
    failure failure_;
  };
};

// Owns a node that was ready, while its result is taken.
template <class T>
class taken {
 public:
  explicit taken(core<T>& ready) noexcept : from_(ready) {}
  taken(const taken&) = delete;
  taken& operator=(const taken&) = delete;
  ~taken() { from_.finished(); }
  core<T>* operator->() const noexcept { return &from_; }
  core<T>& operator*() const noexcept { return from_; }

 private:
  core<T>& from_;
};

void log_unhandled(const failure& why) noexcept;

template <class T>
void core<T>::report_unhandled() noexcept {
  log_unhandled(failure_);
}

}  // namespace whorl::detail
