#include "reactor/uring_stream.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "reactor/sockets.h"

namespace whorl {

class uring_channel final : public channel, public detail::framed {
 public:
  explicit uring_channel(uring_stream& stream) noexcept : stream_(stream) {}
  uring_channel(const uring_channel&) = delete;
  uring_channel& operator=(const uring_channel&) = delete;
  ~uring_channel() override { stream_.abandon(); }

  void set_events(channel_events& events) noexcept override {
    stream_.events_ = &events;
    stream_.settle_later();
  }

  void start_receiving() noexcept override { want_to_receive(true); }
  void stop_receiving() noexcept override { want_to_receive(false); }

  void write(bytes_view bytes) override {
    if (may_write()) {
      stream_.unsent_.append(bytes);
      stream_.settle_later();
    }
  }
  void write(std::string bytes) override {
    if (may_write()) {
      stream_.unsent_.append(std::move(bytes));
      stream_.settle_later();
    }
  }
  std::size_t unsent_bytes() const noexcept override { return stream_.unsent_.bytes(); }

  void shut_down_write() noexcept override {
    stream_.wants_shut_down_ = true;
    stream_.settle_later();
  }

  void reset_on_close() noexcept override { set_reset_on_close(stream_.fd_.get()); }

  address local_address() const override { return local_address_of(stream_.fd_.get()); }
  address peer_address() const override { return peer_address_of(stream_.fd_.get()); }

 private:
  bool may_write() const noexcept { return stream_.send_error_ == 0 && !stream_.wants_shut_down_; }

  void want_to_receive(bool wanted) noexcept {
    if (std::exchange(stream_.wants_to_receive_, wanted) != wanted) {
      stream_.settle_later();
    }
  }

  uring_stream& stream_;
};

std::unique_ptr<channel> uring_stream::open(uring_requests& requests, unique_fd fd) {
  return std::make_unique<uring_channel>(*new uring_stream(requests, std::move(fd)));
}

void uring_stream::settle() noexcept {
  if (events_ == nullptr) {
    return;
  }
  settle_receiving();
  if (send_error_ == 0) {
    settle_sending();
  } else {
    settle_failed_sending();
  }
}

void uring_stream::settle_receiving() noexcept {
  if (!wants_to_receive_) {
    cancel(receive);
    return;
  }
  if (kept_ && !under_way(deliver_kept)) {
    call_back(deliver_kept);
  }
  if (!receive_over_ && !under_way(receive)) {
    io_uring_sqe& entry = request(receive, IORING_OP_RECV, fd_.get());
    entry.ioprio = IORING_RECV_MULTISHOT;
    entry.flags = IOSQE_BUFFER_SELECT;
    entry.buf_group = uring_buffers::group;
  }
}

void uring_stream::settle_sending() noexcept {
  if (under_way(send)) {
    return;
  }
  if (unsent_.empty()) {
    if (wants_shut_down_ && !std::exchange(shut_down_, true)) {
      ::shutdown(fd_.get(), SHUT_WR);
    }
    return;
  }
  std::array<iovec, uring_requests::most_pieces> pieces;
  const std::size_t count = unsent_.gather(pieces);
  if (count == 1) {
    send_piece(pieces[0]);
  } else {
    send_message(requests().message_of({pieces.data(), count}));
  }
}

// What the peer sent before it broke the connection is delivered before the failure is told (S90).
void uring_stream::settle_failed_sending() noexcept {
  if (failed_send_told_ || under_way(tell_failed_send)) {
    return;
  }
  if (wants_to_receive_ && !receive_over_) {
    end_input();
  }
  if (!wants_to_receive_ || (receive_over_ && !kept_)) {
    call_back(tell_failed_send);
  }
}

// The receive gets what has arrived, and then an end. A descriptor that was closed behind our back has none to get.
void uring_stream::end_input() noexcept {
  if (::shutdown(fd_.get(), SHUT_RD) == 0) {
    input_cut_ = true;
  } else if (errno != ENOTCONN) {
    receive_over_ = true;
    cancel(receive);
  }
}

void uring_stream::send_piece(const iovec& piece) noexcept {
  constexpr std::size_t most_bytes = std::size_t{1} << 30;  // of what an entry's 32 bits can say
  io_uring_sqe& entry = request(send, IORING_OP_SEND, fd_.get());
  entry.addr = reinterpret_cast<std::uint64_t>(piece.iov_base);
  entry.len = static_cast<std::uint32_t>(std::min(piece.iov_len, most_bytes));
  entry.msg_flags = MSG_NOSIGNAL;
}

void uring_stream::send_message(const msghdr& message) noexcept {
  io_uring_sqe& entry = request(send, IORING_OP_SENDMSG, fd_.get());
  entry.addr = reinterpret_cast<std::uint64_t>(&message);
  entry.len = 1;
  entry.msg_flags = MSG_NOSIGNAL;
}

void uring_stream::completed(kind which, int result, unsigned flags) noexcept {
  switch (which) {
    case receive: receive_completed(result, flags); break;
    case send: send_completed(result); break;
    case deliver_kept: deliver_what_was_kept(); break;
    default:
      if (!abandoned()) {
        failed_send_told_ = true;
        events_->send_failed(send_error_);
      }
  }
}

void uring_stream::receive_completed(int result, unsigned flags) noexcept {
  const auto bytes = static_cast<std::size_t>(std::max(result, 0));
  if (bytes != 0 && !abandoned()) {
    received(requests().buffers().received(flags, bytes));
  }
  if ((flags & IORING_CQE_F_BUFFER) != 0) {
    requests().buffers().release(flags, bytes);
  }
  const bool goes_on = result > 0 || result == -ENOBUFS || result == -ECANCELED || result == -EINTR;
  if (!goes_on && !abandoned()) {
    receiving_ended(-result);
  }
}

void uring_stream::received(bytes_view bytes) noexcept {
  if (delivers() && !kept_) {
    events_->bytes_received(bytes);
    return;
  }
  if (!kept_) {
    kept_ = std::make_unique<kept_input>();
  }
  kept_->bytes.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

void uring_stream::receiving_ended(int error_number) noexcept {
  receive_over_ = true;
  if (input_cut_) {
    return;
  }
  if (delivers() && !kept_) {
    events_->receive_ended(error_number);
    return;
  }
  if (!kept_) {
    kept_ = std::make_unique<kept_input>();
  }
  kept_->end = error_number;
}

void uring_stream::deliver_what_was_kept() noexcept {
  if (!delivers() || !kept_) {
    return;
  }
  const std::unique_ptr<kept_input> input = std::move(kept_);
  if (!input->bytes.empty()) {
    events_->bytes_received(std::as_bytes(std::span(input->bytes)));
  }
  if (input->end && !abandoned()) {
    receiving_ended(*input->end);
  }
}

void uring_stream::send_completed(int result) noexcept {
  if (abandoned() || result == -EINTR || result == -EAGAIN) {
    return;
  }
  if (result >= 0) {
    unsent_.consume(static_cast<std::size_t>(result));
    events_->bytes_sent();
  } else {
    unsent_.clear();
    send_error_ = -result;
  }
}

}  // namespace whorl
