// A uring_stream is a connected socket on the ring: a multishot receive into the loop's buffers, and one send at a time.
//
// Thread:   the loop's.
// Lifetime: outlives its channel until the kernel has let go of it; what is being sent stays with it.
// Cost:     no memory for receiving while idle, no request a message: the receive stays under way.
#pragma once

#include <whorl/reactor/backend.h>
#include <whorl/reactor/unique_fd.h>

#include <memory>
#include <optional>
#include <string>

#include "reactor/send_queue.h"
#include "reactor/uring_requests.h"

namespace whorl {

class uring_stream final : public uring_client {
 public:
  // A channel on a connected socket.
  static std::unique_ptr<channel> open(uring_requests& requests, unique_fd fd);

 private:
  friend class uring_channel;
  enum : kind { receive, send, deliver_kept, tell_failed_send };

  // What came while nobody wanted to receive.
  struct kept_input {
    std::string bytes;
    std::optional<int> end;
  };

  uring_stream(uring_requests& requests, unique_fd fd) noexcept : uring_client(requests), fd_(std::move(fd)) {}

  void settle() noexcept override;
  void settle_receiving() noexcept;
  void settle_sending() noexcept;
  void settle_failed_sending() noexcept;
  void send_piece(const iovec& piece) noexcept;
  void send_message(const msghdr& message) noexcept;
  void end_input() noexcept;

  void completed(kind which, int result, unsigned flags) noexcept override;
  void receive_completed(int result, unsigned flags) noexcept;
  void send_completed(int result) noexcept;
  void received(bytes_view bytes) noexcept;
  void receiving_ended(int error_number) noexcept;
  void deliver_what_was_kept() noexcept;
  bool delivers() const noexcept { return !abandoned() && wants_to_receive_; }

  unique_fd fd_;
  int send_error_ = 0;
  bool wants_to_receive_ = false;
  bool receive_over_ = false;
  bool input_cut_ = false;  // by us: its end is no news
  bool wants_shut_down_ = false;
  bool shut_down_ = false;
  bool failed_send_told_ = false;
  channel_events* events_ = nullptr;
  send_queue unsent_;
  std::unique_ptr<kept_input> kept_;  // input goes behind what is kept until that is delivered
};

}  // namespace whorl
