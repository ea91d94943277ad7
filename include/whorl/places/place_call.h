// A call to a place is two objects: place_call goes to the thread and comes home with the result, awaited_call stays on
// the loop and is what the deferred stands for. Each is touched by one thread at a time, so neither needs a lock.
//
// Invariant: a place_call knows its awaited_call, and is known to it, until it has come home, was abandoned, or its loop
//            has ended.
#pragma once

#include <whorl/deferred/deferred.h>
#include <whorl/places/call.h>
#include <whorl/places/pending_calls.h>
#include <whorl/places/work_queue.h>

#include <memory>
#include <optional>
#include <source_location>
#include <stop_token>
#include <utility>

namespace whorl::detail {

// The loop's side.
template <class T>
class awaited_call final : public promise_core<T>, private pending_call {
 public:
  awaited_call(pending_calls& of_loop, queued_call& sent)
      : promise_core<T>(std::source_location::current()), sent_(sent) {
    of_loop.add(*this);
  }

  void deliver(outcome<stored<T>>&& result) {
    leave();
    if (result) {
      this->fire_value(this->created(), std::move(*result));
    } else {
      this->fire_failure(this->created(), std::move(result.error()));
    }
    this->disown();
  }

 private:
  // Cancelled, dropped, or its loop ends.
  bool call_canceller() noexcept override {
    leave();
    sent_.abandon();
    this->disown();
    return true;
  }

  void loop_ended() noexcept override {
    this->cancel(error(errc::shutting_down, "the loop that waited for a call to another place ended before it did"));
  }

  queued_call& sent_;
};

// The thread's side.
template <class Place, class Call, class Value>
class place_call final : public queued_call {
 public:
  template <class... Given>
  place_call(std::shared_ptr<Place> place, mailbox home, Given&&... call)
      : queued_call(std::move(home)),
        place_(std::move(place)),
        call_(std::in_place, std::forward<Given>(call)...),
        function_(call_->function()) {
    if constexpr (shape::wants_stop_token) {
      stop = std::stop_source();
    }
  }

  awaited_call<Value>& await_with(pending_calls& of_loop) {
    waiting_ = new awaited_call<Value>(of_loop, *this);
    return *waiting_;
  }

  void run_in_thread(may_block& permission) noexcept override {
    const context_scope scope(context_);
    result_.emplace(
        outcome_of<Value>([&]() -> call_result<shape> { return place_->run(*call_, permission, stop.get_token()); }));
    objects.give_back();  // before an argument that owns one frees its address for another
    call_.reset();
  }

  void refuse(const error& why) noexcept override {
    call_.reset();
    result_.emplace(std::unexpected(failure(why)));
  }

  void abandon() noexcept override {
    waiting_ = nullptr;
    if (place_->take_out(*this)) {
      delete this;
    } else {
      stop.request_stop();
    }
  }

  called_function function() const noexcept override { return function_; }
  std::string asked_at() const override { return waiting_ == nullptr ? "" : waiting_->stack().describe(); }

  // Home again.
  void run() override {
    if (waiting_ != nullptr) {
      std::exchange(waiting_, nullptr)->deliver(std::move(*result_));
    }
  }

 private:
  using shape = typename Call::template shape<typename Place::front>;

  const std::shared_ptr<Place> place_;
  const context_share context_ = context_share::current();  // of whoever calls, also in the thread (S60)
  awaited_call<Value>* waiting_ = nullptr;                  // touched on the loop only
  std::optional<Call> call_;
  const called_function function_;
  std::optional<outcome<stored<Value>>> result_;
};

template <class Place, class F, class... Args>
auto start_call(const std::shared_ptr<Place>& place, priority urgency, F&& f, Args&&... args) {
  using call = owned_call_of<F, Args...>;
  using shape = typename call::template shape<typename Place::front>;
  using value = call_value<shape>;

  auto& pending = pending_calls::of_this_thread("defer_to");
  if (!pending.accepting()) {
    return fail<value>(
        error(errc::shutting_down, "the loop is ending, and nothing would come back from another place"));
  }
  objects_of_call objects;
  take_objects(objects, place->line(), args...);
  auto sent = std::make_unique<place_call<Place, call, value>>(place, pending.home(), std::forward<F>(f),
                                                               std::forward<Args>(args)...);
  sent->objects = std::move(objects);
  sent->urgency = urgency;
  auto& waiting = sent->await_with(pending);
  deferred<value> answer = waiting.get_deferred();
  std::unique_ptr<queued_call> submitted = std::move(sent);
  if (const auto accepted = place->submit(submitted); !accepted) {
    waiting.deliver(std::unexpected(failure(accepted.error())));
  }
  return answer;
}

}  // namespace whorl::detail
