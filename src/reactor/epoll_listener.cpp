#include "reactor/epoll_listener.h"

#include <sys/socket.h>

#include <cerrno>
#include <utility>

namespace whorl {

namespace {

constexpr int accepts_a_turn = 64;
constexpr duration exhausted_rest = std::chrono::milliseconds(50);

}  // namespace

void resting_listeners::add(epoll_source& listener) {
  waiting_.push_back(&listener);
  until_ = std::chrono::steady_clock::now() + exhausted_rest;
}

void resting_listeners::wake_due(epoll_set& set) noexcept {
  if (until_ && std::chrono::steady_clock::now() >= *until_) {
    until_.reset();
    for (epoll_source* each : std::exchange(waiting_, {})) {
      set.put_off(*each);
    }
  }
}

epoll_listener::epoll_listener(epoll_parts& parts, listening_socket socket, accept_events& events) noexcept
    : epoll_source(parts.set), parts_(parts), socket_(std::move(socket)), events_(events) {}

epoll_listener::~epoll_listener() {
  parts_.resting.remove(*this);
  if (socket_.fd) {
    set().remove(socket_.fd.get());
  }
}

void epoll_listener::ready(std::uint32_t events) noexcept {
  if (!socket_.fd) {
    events_.accept_failed(EBADF);
    return;
  }
  if (events == 0) {
    set().change(socket_.fd.get(), EPOLLIN);  // rested
    return;
  }
  const epoll_set& told = set();
  for (int done = 0; done < accepts_a_turn && told.still_told(this); ++done) {
    if (!accept_one()) {
      return;
    }
  }
}

void epoll_listener::displaced() noexcept {
  static_cast<void>(socket_.fd.release());
  set().put_off(*this);
}

bool epoll_listener::accept_one() noexcept {
  unique_fd fd = accept_stream_socket(socket_.fd.get());
  if (!fd) {
    return go_on_after(errno);
  }
  exhausted_ = false;
  events_.accepted(std::make_unique<epoll_channel>(set(), parts_.buffer, std::move(fd), epoll_channel::in_set::no));
  return true;
}

bool epoll_listener::go_on_after(int error_number) noexcept {
  switch (judge_accept_failure(error_number)) {
    case accept_failure::none_waiting: return false;
    case accept_failure::peer_gone: return true;
    case accept_failure::out_of_descriptors: return refuse_one(error_number);
    case accept_failure::broken: break;
  }
  set().change(socket_.fd.get(), 0);
  events_.accept_failed(error_number);
  return false;
}

// It is told once for each time that descriptors run out (S95). accept4 says that they did before it looks whether
// anybody waits.
bool epoll_listener::refuse_one(int error_number) noexcept {
  const int failed = parts_.spare.refuse_one(socket_.fd.get());
  if (failed == EAGAIN) {
    return false;
  }
  if (failed != 0) {
    set().change(socket_.fd.get(), 0);
    parts_.resting.add(*this);
  }
  if (!std::exchange(exhausted_, true)) {
    events_.accept_failed(error_number);
  }
  return failed == 0;
}

}  // namespace whorl
