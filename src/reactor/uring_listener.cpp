#include "reactor/uring_listener.h"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "reactor/uring_stream.h"

namespace whorl {

namespace {

// How long a listener rests that is out of descriptors, with no spare one either.
constexpr __kernel_timespec rest_time{.tv_sec = 0, .tv_nsec = 100'000'000};

}  // namespace

class uring_listener::handle final : public listener {
 public:
  explicit handle(uring_listener& socket) noexcept : socket_(socket) {}
  handle(const handle&) = delete;
  handle& operator=(const handle&) = delete;
  ~handle() override { socket_.close(); }

  address local_address() const override { return local_address_of(socket_.socket_.fd.get()); }

 private:
  uring_listener& socket_;
};

std::unique_ptr<listener> uring_listener::open(uring_requests& requests, listening_socket socket,
                                               accept_events& events) {
  auto* made = new uring_listener(requests, std::move(socket), events);
  made->settle_later();
  return std::make_unique<handle>(*made);
}

void uring_listener::settle() noexcept {
  if (under_way(accept) || under_way(hesitate)) {
    return;
  }
  switch (next_) {
    case next_step::accept: {
      io_uring_sqe& entry = request(accept, IORING_OP_ACCEPT, socket_.fd.get());
      entry.ioprio = IORING_ACCEPT_MULTISHOT;
      entry.accept_flags = SOCK_NONBLOCK | SOCK_CLOEXEC;
      break;
    }
    case next_step::await_a_peer: request(hesitate, IORING_OP_POLL_ADD, socket_.fd.get()).poll32_events = POLLIN; break;
    case next_step::rest: {
      io_uring_sqe& entry = request(hesitate, IORING_OP_TIMEOUT, -1);
      entry.addr = reinterpret_cast<std::uint64_t>(&rest_time);
      entry.len = 1;
      break;
    }
    case next_step::nothing: break;
  }
}

void uring_listener::completed(kind which, int result, unsigned /*flags*/) noexcept {
  if (which == hesitate) {
    next_ = next_step::accept;
    return;
  }
  unique_fd accepted(result);
  if (abandoned()) {
    return;
  }
  if (accepted) {
    set_stream_options(accepted.get());
    events_.accepted(uring_stream::open(requests(), std::move(accepted)));
  } else {
    failed(-result);
  }
}

void uring_listener::failed(int error_number) noexcept {
  switch (judge_accept_failure(error_number)) {
    case accept_failure::none_waiting:
    case accept_failure::peer_gone: return;
    case accept_failure::out_of_descriptors: refuse_the_waiting(); break;
    case accept_failure::broken: next_ = next_step::nothing; break;
  }
  events_.accept_failed(error_number);
}

// An accept without a descriptor fails at once, also while nobody waits; so it is tried again for the next peer only.
void uring_listener::refuse_the_waiting() noexcept {
  int outcome = 0;
  while (outcome == 0 || judge_accept_failure(outcome) == accept_failure::peer_gone) {
    outcome = spare_.refuse_one(socket_.fd.get());
  }
  const bool all_refused = judge_accept_failure(outcome) == accept_failure::none_waiting;
  next_ = all_refused ? next_step::await_a_peer : next_step::rest;
}

// The accept that is under way holds the socket, so closing alone would leave the address taken until the next turn.
void uring_listener::close() noexcept {
  socket_.file = {};
  ::shutdown(socket_.fd.get(), SHUT_RDWR);
  abandon();
}

}  // namespace whorl
