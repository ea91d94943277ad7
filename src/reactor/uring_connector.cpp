#include "reactor/uring_connector.h"

#include <cerrno>
#include <utility>

#include "reactor/sockets.h"
#include "reactor/uring_stream.h"

namespace whorl {

class uring_connector::handle final : public connector, public detail::framed {
 public:
  explicit handle(uring_connector& attempt) noexcept : attempt_(attempt) {}
  handle(const handle&) = delete;
  handle& operator=(const handle&) = delete;
  ~handle() override { attempt_.abandon(); }

 private:
  uring_connector& attempt_;
};

std::unique_ptr<connector> uring_connector::open(uring_requests& requests, const address& to, connect_events& events) {
  auto* made = new uring_connector(requests, to, events);
  made->settle_later();
  return std::make_unique<handle>(*made);
}

uring_connector::uring_connector(uring_requests& requests, const address& to, connect_events& events)
    : uring_client(requests), to_(to), events_(events) {
  result<unique_fd> opened = open_stream_socket(to);
  if (opened) {
    fd_ = std::move(*opened);
  } else {
    failed_ = opened.error().code().value();
  }
}

void uring_connector::settle() noexcept {
  if (std::exchange(asked_, true)) {
    return;
  }
  if (!fd_) {
    call_back(tell_failure);
    return;
  }
  io_uring_sqe& entry = request(connect, IORING_OP_CONNECT, fd_.get());
  entry.addr = reinterpret_cast<std::uint64_t>(to_.raw());
  entry.off = to_.raw_bytes();
}

void uring_connector::completed(kind which, int result, unsigned /*flags*/) noexcept {
  if (abandoned()) {
    return;
  }
  if (which == connect) {
    failed_ = -result;
  }
  if (failed_ == 0) {
    events_.connected(uring_stream::open(requests(), std::move(fd_)));
  } else {
    events_.connect_failed(failed_);
  }
}

}  // namespace whorl
