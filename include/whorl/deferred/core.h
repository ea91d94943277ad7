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

#include <coroutine>
#include <cstdint>
#include <memory>
#include <source_location>
#include <type_traits>
#include <utility>
#include <variant>

namespace whorl::detail {

void log_unhandled(const failure& why) noexcept;

struct request;

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
    if (waited_ == nullptr && activity_ == activity::none && !postponed_) {
      end();
    } else {
      drop_chain();
    }
  }

  // It was ready, and its result has been taken: nothing is left but to free it.
  void finished() noexcept {
    if (frame_) {
      frame_.destroy();
    } else {
      dispose();
    }
  }

  // A failure that is held, which is looked at from now on.
  virtual failure take_failure() noexcept = 0;

  // `inner` is unfired or paused, and not reachable from here: see misuse_if_cyclic.
  void wait_for(node& inner) noexcept {
    waited_ = &inner;
    inner.waiter_ = this;
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
  node* waited() const noexcept { return waited_; }

  // Where it awaits, where its callbacks were added, or where the promise was made.
  const std::source_location& at() const noexcept { return at_; }
  void set_at(const std::source_location& at) noexcept { at_ = at; }

  // Who awaits whom, from the innermost of the nodes that this one waits for to the outermost that waits for it.
  async_stack stack() const;

  // The same of a node of another thread's, as far as it can be read there.
  static async_stack stack_elsewhere(const node* innermost, memory_reader read);

  // Takes over what this node waited for, now that it has fired.
  node* take_waited() noexcept { return std::exchange(waited_, nullptr); }

  // Gives up what this node waits for, and forgets it.
  void drop_waited() noexcept;

 protected:
  enum class held : std::uint8_t { nothing, value, failure };

  explicit node(const std::source_location& at) noexcept : at_(at) {}
  explicit node(std::coroutine_handle<> frame) noexcept : frame_(frame) {}
  ~node() {
    if (context_ != nullptr) [[unlikely]] {
      context_values::release(context_);
    }
  }

  // The node has its result.
  void set_fired() noexcept { fired_ = true; }

  // Runs this node's own code, for the first time: nobody waits for it yet.
  void run() noexcept;

  // Whoever waits for the result of this node, which has fired, and may have it now.
  node* next_to_run() noexcept {
    if (waiter_ != nullptr) [[likely]] {
      return pauses_ == 0 ? waiter_ : nullptr;
    }
    if (detached_) {
      end();
    }
    return nullptr;
  }

  // Lets the waiter run: at once, unless the stack is already deep in such calls; then when it has unwound.
  void run_waiter() noexcept {
    if (node* waiter = next_to_run()) {
      run_from(*waiter);
    }
  }

 private:
  enum class activity : std::uint8_t { none, running, asked };  // asked: running, and there is a request to heed then

  // What the kinds do differently. A coroutine is no virtual call: frame_ stands for what resume() and dispose() do.
  virtual void resume() noexcept {}                       // what it waited for is there
  virtual void stop(const error& /*reason*/) noexcept {}  // innermost and unfired: cancel; only promises are that
  virtual void dispose() noexcept {}                      // nobody waits any more: free, or leave to the producer
  virtual bool unrun_stage() const noexcept { return false; }
  virtual async_frame frame() const noexcept = 0;
  virtual const node* outward() const noexcept { return waiter_; }

  // What it waited for is there. Returns who may run next.
  virtual node* proceed() noexcept;

  void end() noexcept {
    if (failed() && fired_) [[unlikely]] {
      log_unhandled(take_failure());
    }
    finished();
  }

  node* run_code() noexcept;
  node* run_next() noexcept;
  [[gnu::noinline]] void resume_in_context() noexcept;
  [[gnu::noinline]] node* heed_request() noexcept;
  request& ask();
  static void run_from(node& first) noexcept;
  [[gnu::noinline]] static void run_deep(node& first) noexcept;
  static node* oldest_postponed(node* last) noexcept;
  void postpone() noexcept;
  void forget_postponed() noexcept;
  void drop_chain() noexcept;
  void search_cycle(const node& inner) const;
  node* source() noexcept;

  node* waiter_ = nullptr;
  node* waited_ = nullptr;
  const context_values* context_ = nullptr;  // a share, while it waits: of its own code
  node* next_postponed_ = nullptr;
  std::coroutine_handle<> frame_;  // null: no coroutine
  std::source_location at_;

  // Together a word, so that setting them up is one store.
  std::uint16_t pauses_ = 0;
  bool fired_ = false;
  bool postponed_ = false;
  activity activity_ = activity::none;

 protected:
  bool detached_ = false;
  held held_ = held::nothing;
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
    if (held_ == held::value) {  // of a coroutine whose locals threw while they were destroyed
      std::destroy_at(std::addressof(value_));
    }
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
  failure take_failure() noexcept final {
    failure why = std::move(failure_);
    forget(failure_);
    held_ = held::nothing;
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
  template <class... Made>
  explicit core(const Made&... made) noexcept : node(made...) {}  // the union starts empty
  ~core() {
    if (held_ == held::failure) [[unlikely]] {
      forget(failure_);
    } else if (!std::is_trivially_destructible_v<value_type> && held_ == held::value) {
      std::destroy_at(std::addressof(value_));
    }
  }

 private:
  using node::held_;
  using typename node::held;

  [[gnu::noinline]] static void forget(failure& why) noexcept { std::destroy_at(&why); }

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

}  // namespace whorl::detail
