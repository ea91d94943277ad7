// The calls of one loop that are under way in other places: when the loop ends, whoever waits for them is told, because
// what comes back then is thrown away (S63).
//
// Thread: the loop's.
#pragma once

#include <whorl/reactor/mailbox.h>
#include <whorl/reactor/owned_by_loop.h>

#include <string_view>

namespace whorl {
class reactor;
}

namespace whorl::detail {

// A place in a ring of calls.
class pending_call {
 public:
  pending_call() = default;
  pending_call(const pending_call&) = delete;
  pending_call& operator=(const pending_call&) = delete;

  // Must leave the ring.
  virtual void loop_ended() noexcept = 0;

 protected:
  ~pending_call() = default;

  void leave() noexcept {
    before_->after_ = after_;
    after_->before_ = before_;
    before_ = after_ = this;
  }

 private:
  friend class pending_calls;
  pending_call* before_ = this;
  pending_call* after_ = this;
};

class pending_calls final : public owned_by_loop {
 public:
  // Of this thread's loop. Throws misuse, naming what was being done, if there is none.
  static pending_calls& of_this_thread(std::string_view doing);

  explicit pending_calls(reactor& loop) noexcept : loop_(loop) {}
  ~pending_calls() override;

  // False while those who wait are told: what is called now would not come back either.
  bool accepting() const noexcept { return !telling_; }

  void add(pending_call& call) noexcept {
    call.before_ = ring_.before_;
    call.after_ = &ring_;
    ring_.before_->after_ = &call;
    ring_.before_ = &call;
  }

  mailbox home() const noexcept;

  void loop_stopping() noexcept override;

 private:
  void tell_all() noexcept;

  struct ring_start final : pending_call {
    void loop_ended() noexcept override {}
  };

  reactor& loop_;
  ring_start ring_;
  bool telling_ = false;
};

}  // namespace whorl::detail
