#include "reactor/epoll_connector.h"

#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "reactor/real_time_exempt.h"
#include "reactor/sockets.h"

namespace whorl {

epoll_connector::epoll_connector(epoll_parts& parts, const address& to, connect_events& events) noexcept
    : epoll_source(parts.set), parts_(parts), events_(events) {
  failed_ = start(to);
  if (failed_ != 0) {
    set().put_off(*this);  // never from inside the call (S94)
  }
}

epoll_connector::~epoll_connector() {
  if (fd_) {
    set().remove(fd_.get());
  }
}

int epoll_connector::start(const address& to) noexcept {
  auto opened = open_stream_socket(to);
  if (!opened) {
    return opened.error().code().value();
  }
  const detail::real_time_exempt because("the socket is non-blocking");
  if (::connect(opened->get(), to.raw(), to.raw_bytes()) != 0 && errno != EINPROGRESS) {
    return errno;
  }
  const int failed = set().add(*this, opened->get(), EPOLLOUT | EPOLLET);
  if (failed == 0) {
    fd_ = std::move(*opened);
  }
  return failed;
}

void epoll_connector::ready(std::uint32_t /*events*/) noexcept {
  if (failed_ == 0) {
    failed_ = take_socket_error(fd_.get());
  }
  if (failed_ != 0) {
    events_.connect_failed(failed_);
    return;
  }
  events_.connected(std::make_unique<epoll_channel>(set(), parts_.buffer, std::move(fd_), epoll_channel::in_set::yes));
}

void epoll_connector::displaced() noexcept {
  static_cast<void>(fd_.release());
  failed_ = EBADF;
  set().put_off(*this);
}

}  // namespace whorl
