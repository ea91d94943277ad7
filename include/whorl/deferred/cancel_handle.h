// A cancel_handle cancels work that somebody else awaits: a button, a stop token, an owner that ends.
//
//     cancel_handle stop;
//     auto page = stop.attach(get_page(loop, url));   // awaited by one
//     stop.cancel();                                  // cancelled by another
//
// A deferred has one owner, and awaiting it gives it away; what remains is this handle.
//
// Thread:   the loop's.
// Lifetime: copies are handles to the same work; the work does not depend on them.
#pragma once

#include <whorl/deferred/deferred.h>

#include <memory>
#include <source_location>
#include <utility>

namespace whorl {

namespace detail {

// Where a handle finds the work: null before it is attached, and when it has ended.
struct cancel_seat {
  node* work = nullptr;
};

// Stands between the work and whoever awaits it.
template <class T>
class attached_work final : public core<T> {
 public:
  static deferred<T> make(deferred<T> work, std::shared_ptr<cancel_seat> seat, const std::source_location& at) {
    auto* made = new attached_work(std::move(seat));
    deferred<T> attached = deferred_of<T>(*made);
    made->set_at(at);
    made->wait_for(node_of(std::move(work)));
    if (made->waited()->ready()) {
      made->run();
    }
    return attached;
  }

 private:
  explicit attached_work(std::shared_ptr<cancel_seat> seat) noexcept : seat_(std::move(seat)) { seat_->work = this; }
  ~attached_work() { leave(); }

  void leave() noexcept {
    if (seat_->work == this) {
      seat_->work = nullptr;
    }
  }

  void resume() noexcept override {
    leave();
    this->hold(deferred_of<T>(static_cast<core<T>&>(*this->take_waited())).take());
    this->set_fired();
  }

  void dispose() noexcept override { delete this; }
  async_frame frame() const noexcept override { return {"given a cancel_handle", this->at()}; }

  const std::shared_ptr<cancel_seat> seat_;
};

[[noreturn]] void throw_second_attached();

}  // namespace detail

class cancel_handle {
 public:
  // The same work, which this handle can now cancel. One at a time: throws misuse while other work is attached.
  template <class T>
  deferred<T> attach(deferred<T> work, std::source_location at = std::source_location::current()) {
    if (attached()) {
      detail::throw_second_attached();
    }
    return detail::attached_work<T>::make(std::move(work), seat_, at);
  }

  // Polite, as deferred::cancel is; does nothing when no work is attached, and to work that has ended.
  void cancel(const error& reason = errc::cancelled) const noexcept {
    if (attached()) {
      seat_->work->cancel(reason);
    }
  }

  // There is work, and it has neither ended nor been dropped.
  bool attached() const noexcept { return seat_->work != nullptr; }

 private:
  std::shared_ptr<detail::cancel_seat> seat_ = std::make_shared<detail::cancel_seat>();
};

}  // namespace whorl
