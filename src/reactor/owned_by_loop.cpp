#include <whorl/reactor/owned_by_loop.h>
#include <whorl/reactor/turn_record.h>

#include <memory>
#include <utility>

namespace whorl {

void owned_list::clear() noexcept {
  destroy_disposed();
  while (first_ != nullptr) {
    dispose(*first_);
    destroy_disposed();
  }
}

void owned_list::adopt(owned_by_loop& object) noexcept {
  object.next_ = first_;
  if (first_ != nullptr) {
    first_->previous_ = &object;
  }
  first_ = &object;
}

void owned_list::dispose(owned_by_loop& object) noexcept {
  if (std::exchange(object.disposed_, true)) {
    return;
  }
  unlink(object);
  object.next_ = disposed_first_;
  disposed_first_ = &object;
}

void owned_list::destroy_disposed() noexcept {
  while (disposed_first_ != nullptr) {
    const callback_scope scope("the end", {}, &typeid(*disposed_first_));
    const std::unique_ptr<owned_by_loop> doomed(disposed_first_);
    disposed_first_ = doomed->next_;
  }
}

void owned_list::tell_stopping() noexcept {
  telling_next_ = first_;
  while (telling_next_ != nullptr) {
    owned_by_loop& told = *std::exchange(telling_next_, telling_next_->next_);
    const callback_scope scope("the end of the loop", {}, &typeid(told));
    told.loop_stopping();
  }
}

void owned_list::unlink(owned_by_loop& object) noexcept {
  if (telling_next_ == &object) {
    telling_next_ = object.next_;
  }
  (object.previous_ == nullptr ? first_ : object.previous_->next_) = object.next_;
  if (object.next_ != nullptr) {
    object.next_->previous_ = object.previous_;
  }
}

}  // namespace whorl
