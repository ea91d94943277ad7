// A promise is the producer's end of a deferred: whoever runs the operation keeps it and fires it once.
//
//     promise<int> p([&] { stop_the_operation(); });   // the canceller is optional
//     deferred<int> answer = p.get_deferred();
//     p.callback(42);                                   // or p.errback(errc::not_found)
//
// Thread:   belongs to the thread that made it; firing it on another throws misuse. To fire from elsewhere, go through
//           the reactor's call_from_thread.
// Lifetime: destroying an unfired promise fires its deferred with errc::broken_promise. When the deferred is dropped
//           first, the canceller is called and whatever is fired later is thrown away.
// Cancel:   without a canceller the deferred fails at once with the reason, and the producer's one later firing is
//           swallowed (S15). With one, it is called at most once, as canceller(promise<T>&) or canceller(); if it did
//           not fire, the deferred fails with the reason (S16). One that throws is logged (S20).
#pragma once

#include <whorl/deferred/core.h>
#include <whorl/deferred/deferred.h>

#include <concepts>
#include <functional>
#include <optional>
#include <utility>

namespace whorl {

template <class T>
class promise;

namespace detail {

[[noreturn]] void throw_already_fired(const std::source_location& created, const std::source_location& fired_at);
[[noreturn]] void throw_wrong_thread(const std::source_location& created);
[[noreturn]] void throw_second_deferred(const std::source_location& created);
failure broken_promise(const std::source_location& created);
void log_throwing_canceller(const std::source_location& created) noexcept;

// Owned by its promise, by its deferred, and for a moment by a call of its canceller.
template <class T>
class promise_core : public core<T> {
 public:
  explicit promise_core(const std::source_location& created) noexcept : core<T>(created), pending_(*this) {}
  virtual ~promise_core() = default;

  void own() noexcept { ++owners_; }
  void disown() noexcept {
    if (--owners_ == 0) {
      delete this;
    }
  }

  deferred<T> get_deferred() {
    if (deferred_taken_) {
      throw_second_deferred(created());
    }
    deferred_taken_ = true;
    own();
    if (!this->fired()) {
      pending_.enter();
    }
    return deferred<T>(*this);
  }

  template <class... Args>
  void fire_value(const std::source_location& at, Args&&... args) {
    if (may_fire()) {
      this->hold_value(std::forward<Args>(args)...);
      fired_now(at);
    }
  }
  void fire_failure(const std::source_location& at, failure&& why) {
    if (may_fire()) {
      fail_now(at, std::move(why));
    }
  }

  void promise_destroyed() noexcept {
    if (!this->fired() || !deferred_taken_) [[unlikely]] {
      destroyed_early();
    }
    disown();
  }

  bool abandoned() const noexcept { return abandoned_; }
  const std::source_location& created() const noexcept { return this->at(); }

 protected:
  bool has_canceller_ = false;
  bool stopping_ = false;  // the canceller is being or has been called

 private:
  virtual bool call_canceller() noexcept { return false; }  // false: there is none
  virtual void drop_canceller() noexcept {}

  bool may_fire() {
    if (thread_ == this_thread_mark() && !this->fired() && !abandoned_) [[likely]] {
      return true;
    }
    refuse_to_fire();
    return false;
  }

  // Swallows a firing that comes too late, or throws.
  [[gnu::noinline]] void refuse_to_fire() {
    if (thread_ != this_thread_mark()) {
      throw_wrong_thread(created());
    }
    if (!abandoned_ && !std::exchange(swallow_one_, false)) {
      throw_already_fired(created(), fired_at_);
    }
  }

  // A canceller that destroys the promise leaves the firing to stop(). Without a deferred there is nobody to tell.
  [[gnu::noinline]] void destroyed_early() noexcept {
    if (this->failed()) {
      log_unhandled(this->take_failure());
    } else if (deferred_taken_ && !this->fired() && !abandoned_ && !stopping_) {
      fail_now(created(), broken_promise(created()));
    }
  }

  void fail_now(const std::source_location& at, failure&& why) noexcept {
    this->hold_failure(std::move(why));
    fired_now(at);
  }

  // The result is held. What runs then may destroy this.
  void fired_now(const std::source_location& at) noexcept {
    pending_.leave();
    this->set_fired();
    fired_at_ = at;
    if (has_canceller_ && !stopping_) [[unlikely]] {
      own();
      drop_canceller();
      this->run_waiter();
      disown();
    } else {
      this->run_waiter();
    }
  }

  async_frame frame() const noexcept final { return {"a promise made", created()}; }

  void stop(const error& reason) noexcept final {
    if (stopping_) {
      return;
    }
    stopping_ = true;
    own();
    swallow_one_ = !call_canceller();
    if (!this->fired() && !abandoned_) {
      fail_now(std::source_location::current(), failure(reason));
    }
    disown();
  }

  void dispose() noexcept final {
    if (!this->fired()) {
      pending_.leave();
      abandoned_ = true;
      if (!std::exchange(stopping_, true)) {
        call_canceller();
      }
    }
    disown();
  }

  pending_link pending_;
  std::source_location fired_at_;
  const void* thread_ = this_thread_mark();
  std::uint8_t owners_ = 1;
  bool deferred_taken_ = false;
  bool abandoned_ = false;
  bool swallow_one_ = false;
};

template <class T, class Canceller>
class cancellable_promise_core final : public promise_core<T> {
 public:
  cancellable_promise_core(Canceller canceller, const std::source_location& created)
      : promise_core<T>(created), canceller_(std::move(canceller)) {
    this->has_canceller_ = true;
  }

 private:
  bool call_canceller() noexcept override {
    this->own();
    promise<T> lent(*this);
    try {
      if constexpr (std::invocable<Canceller&, promise<T>&>) {
        (*canceller_)(lent);
      } else {
        (*canceller_)();
      }
    } catch (...) {
      log_throwing_canceller(this->created());
    }
    lent.release();
    canceller_.reset();
    return true;
  }

  void drop_canceller() noexcept override { canceller_.reset(); }

  std::optional<Canceller> canceller_;
};

}  // namespace detail

template <class T>
class promise {
  static_assert(sizeof(deferred<T>) == sizeof(void*));  // says which types cannot be promised

 public:
  using location = std::source_location;

  explicit promise(location created = location::current()) : core_(new detail::promise_core<T>(created)) {}

  template <class Canceller>
    requires std::invocable<Canceller&, promise<T>&> || std::invocable<Canceller&>
  explicit promise(Canceller canceller, location created = location::current())
      : core_(new detail::cancellable_promise_core<T, Canceller>(std::move(canceller), created)) {}

  promise(promise&& other) noexcept : core_(std::exchange(other.core_, nullptr)) {}
  promise& operator=(promise&& other) noexcept {
    promise(std::move(other)).swap(*this);
    return *this;
  }
  ~promise() {
    if (core_ != nullptr) {
      core_->promise_destroyed();
    }
  }

  // Once; a second call throws misuse.
  [[nodiscard]] deferred<T> get_deferred() { return core_->get_deferred(); }

  // Fires with a value. Everything that waits runs before this returns (S5), unless many such calls are nested.
  // A second firing throws misuse and changes nothing (S6).
  void callback(detail::stored<T> value, location at = location::current())
    requires(!std::is_void_v<T>)
  {
    core_->fire_value(at, std::move(value));
  }
  void callback(location at = location::current())
    requires std::is_void_v<T>
  {
    core_->fire_value(at);
  }

  // Fires with a failure; an error or an errc converts to one.
  void errback(failure why, location at = location::current()) { core_->fire_failure(at, std::move(why)); }

  bool fired() const noexcept { return core_->fired(); }

  // True when nobody holds the deferred any more: the result would be thrown away.
  bool abandoned() const noexcept { return core_->abandoned(); }

  void swap(promise& other) noexcept { std::swap(core_, other.core_); }

 private:
  template <class, class>
  friend class detail::cancellable_promise_core;
  explicit promise(detail::promise_core<T>& core) noexcept : core_(&core) {}

  // Lets go without breaking the promise.
  void release() noexcept {
    if (core_ != nullptr) {
      std::exchange(core_, nullptr)->disown();
    }
  }

  detail::promise_core<T>* core_;
};

}  // namespace whorl
