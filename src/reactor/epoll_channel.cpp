#include "reactor/epoll_channel.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <cerrno>
#include <span>
#include <utility>

#include "reactor/real_time_exempt.h"
#include "reactor/sockets.h"

namespace whorl {

namespace {

constexpr std::uint32_t receive_polls = EPOLLIN | EPOLLRDHUP | EPOLLET;

// What one channel may do in a turn before the others have theirs.
constexpr int receives_a_turn = 4;  // of a whole buffer each
constexpr std::size_t send_bytes_a_turn = std::size_t{1} << 20;

constexpr std::size_t pieces_a_send = 64;

}  // namespace

epoll_channel::epoll_channel(epoll_set& set, receive_buffer& buffer, unique_fd fd, in_set known) noexcept
    : epoll_source(set), buffer_(buffer), fd_(std::move(fd)) {
  int failed = 0;
  if (known == in_set::yes) {
    set.replace(*this, fd_.get());
    failed = set.change(fd_.get(), receive_polls);
  } else {
    failed = set.add(*this, fd_.get(), receive_polls);
  }
  if (failed != 0) {
    sending_failed(failed);  // without the kernel's events it is of no use
  }
}

epoll_channel::~epoll_channel() {
  if (fd_) {
    set().remove(fd_.get());
  }
}

void epoll_channel::start_receiving() noexcept {
  receiving_ = true;
  if (readable_) {
    set().put_off(*this);
  }
}

void epoll_channel::write(bytes_view bytes) {
  if (send_error_ == 0 && !shut_down_wanted_) {
    unsent_.append(bytes);
    set().put_off(*this);
  }
}

void epoll_channel::write(std::string bytes) {
  if (send_error_ == 0 && !shut_down_wanted_) {
    unsent_.append(std::move(bytes));
    set().put_off(*this);
  }
}

void epoll_channel::shut_down_write() noexcept {
  shut_down_wanted_ = true;
  set().put_off(*this);
}

void epoll_channel::reset_on_close() noexcept { set_reset_on_close(fd_.get()); }

address epoll_channel::local_address() const { return local_address_of(fd_.get()); }
address epoll_channel::peer_address() const { return peer_address_of(fd_.get()); }

void epoll_channel::set_events(channel_events& events) noexcept {
  events_ = &events;
  if (unfinished()) {
    set().put_off(*this);
  }
}

void epoll_channel::ready(std::uint32_t events) noexcept {
  if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) {
    readable_ = true;
    hung_up_ = hung_up_ || (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
  }
  if ((events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0) {
    no_room_ = false;
  }
  if (events_ == nullptr) {
    return;
  }
  epoll_set& told = set();
  receive();
  if (told.still_told(this)) {
    flush();
  }
  if (told.still_told(this)) {
    report_failed_send();
  }
  if (told.still_told(this)) {
    unfinished() ? told.put_off(*this) : told.take_back(*this);
  }
}

bool epoll_channel::receivable() const noexcept { return receiving_ && readable_ && !receive_ended_; }

bool epoll_channel::unfinished() const noexcept {
  return receivable() || (!unsent_.empty() && !no_room_) ||
         (shut_down_wanted_ && !shut_down_done_ && unsent_.empty()) || send_failure_due_;
}

void epoll_channel::displaced() noexcept {
  static_cast<void>(fd_.release());
  sending_failed(EBADF);
  set().put_off(*this);
}

// A receive that fills only part of the buffer has emptied the socket, and the next byte is a new event; so has one
// that finds nothing (epoll(7), Q9). Only the end of the stream may hide behind bytes without an event of its own.
void epoll_channel::receive() noexcept {
  const epoll_set& told = set();
  for (int done = 0; done < receives_a_turn && receivable(); ++done) {
    const ssize_t received = receive_some();
    if (received > 0) {
      const auto bytes = static_cast<std::size_t>(received);
      readable_ = bytes == buffer_.size() || hung_up_;
      events_->bytes_received(std::span(buffer_).first(bytes));
      if (!told.still_told(this)) {
        return;
      }
    } else if (received < 0 && errno == EAGAIN) {
      readable_ = hung_up_ = false;
    } else if (received == 0 || errno != EINTR) {
      receive_ended_ = true;
      events_->receive_ended(received == 0 ? 0 : errno);
      return;
    }
  }
}

ssize_t epoll_channel::receive_some() noexcept {
  const detail::real_time_exempt because("the socket is non-blocking");
  return ::recv(fd_.get(), buffer_.data(), buffer_.size(), 0);
}

void epoll_channel::flush() noexcept {
  std::size_t sent = 0;
  while (!unsent_.empty() && !no_room_ && sent < send_bytes_a_turn) {
    sent += send_some();
  }
  if (shut_down_wanted_ && unsent_.empty() && !std::exchange(shut_down_done_, true) && send_error_ == 0) {
    ::shutdown(fd_.get(), SHUT_WR);
  }
  if (sent != 0) {
    events_->bytes_sent();
  }
}

// One system call. Returns what the kernel took.
std::size_t epoll_channel::send_some() noexcept {
  std::array<iovec, pieces_a_send> pieces;  // NOLINT(cppcoreguidelines-pro-type-member-init): gather fills it
  msghdr message{};
  message.msg_iov = pieces.data();
  message.msg_iovlen = unsent_.gather(pieces);
  std::size_t offered = 0;
  for (const iovec& piece : std::span(pieces).first(message.msg_iovlen)) {
    offered += piece.iov_len;
  }
  const detail::real_time_exempt because("the socket is non-blocking");
  const ssize_t taken = message.msg_iovlen == 1 ? ::send(fd_.get(), pieces[0].iov_base, pieces[0].iov_len, MSG_NOSIGNAL)
                                                : ::sendmsg(fd_.get(), &message, MSG_NOSIGNAL);
  if (taken >= 0) {
    unsent_.consume(static_cast<std::size_t>(taken));
    if (static_cast<std::size_t>(taken) < offered) {
      wait_for_room();
    }
    return static_cast<std::size_t>(taken);
  }
  if (errno == EAGAIN) {
    wait_for_room();
  } else if (errno != EINTR) {
    sending_failed(errno);
  }
  return 0;
}

// Once a channel has had to wait for room, its registration keeps EPOLLOUT: with edges it costs nothing but an event
// when there is room again.
void epoll_channel::wait_for_room() noexcept {
  no_room_ = true;
  if (!std::exchange(poll_for_room_, true)) {
    set().change(fd_.get(), receive_polls | EPOLLOUT);
  }
}

// What the peer sent before it broke the connection is delivered before the failure (S90).
void epoll_channel::sending_failed(int error_number) noexcept {
  unsent_.clear();
  if (send_error_ == 0) {
    send_error_ = error_number;
    send_failure_due_ = true;
    readable_ = hung_up_ = true;
  }
}

void epoll_channel::report_failed_send() noexcept {
  if (send_failure_due_ && !receivable()) {
    send_failure_due_ = false;
    events_->send_failed(send_error_);
  }
}

}  // namespace whorl
