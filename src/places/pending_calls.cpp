#include <whorl/places/pending_calls.h>
#include <whorl/reactor/reactor.h>

namespace whorl::detail {

pending_calls& pending_calls::of_this_thread(std::string_view doing) {
  return reactor::of_this_thread(doing).companion<pending_calls>();
}

pending_calls::~pending_calls() { tell_all(); }

mailbox pending_calls::home() const noexcept { return loop_.get_mailbox(); }

void pending_calls::loop_stopping() noexcept { tell_all(); }

void pending_calls::tell_all() noexcept {
  telling_ = true;
  while (ring_.after_ != &ring_) {
    ring_.after_->loop_ended();
  }
  telling_ = false;
}

}  // namespace whorl::detail
