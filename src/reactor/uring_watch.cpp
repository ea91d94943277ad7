#include "reactor/uring_watch.h"

#include <poll.h>

#include <utility>

namespace whorl {

class uring_watch::handle final : public watch, public detail::framed {
 public:
  explicit handle(uring_watch& interest) noexcept : interest_(interest) {}
  handle(const handle&) = delete;
  handle& operator=(const handle&) = delete;
  ~handle() override { interest_.abandon(); }

 private:
  uring_watch& interest_;
};

std::unique_ptr<watch> uring_watch::open(uring_requests& requests, int fd, readiness what, watch_events& events) {
  auto* made = new uring_watch(requests, fd, what, events);
  made->settle_later();
  return std::make_unique<handle>(*made);
}

void uring_watch::settle() noexcept {
  if (!std::exchange(asked_, true)) {
    request(poll, IORING_OP_POLL_ADD, fd_).poll32_events = what_ == readiness::readable ? POLLIN : POLLOUT;
  }
}

void uring_watch::completed(kind /*which*/, int /*result*/, unsigned /*flags*/) noexcept {
  if (!abandoned()) {
    events_.descriptor_ready();
  }
}

}  // namespace whorl
