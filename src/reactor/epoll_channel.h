// A connected stream on the epoll back end: edge-triggered, tried first and polled after.
//
// Thread:   the loop's.
// Cost:     a message received and answered: one recv and one send, no allocation. An idle channel holds no buffer.
#pragma once

#include <whorl/deferred/frame_pool.h>
#include <whorl/reactor/backend.h>
#include <whorl/reactor/unique_fd.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "reactor/epoll_set.h"
#include "reactor/send_queue.h"

namespace whorl {

// What the channels of a loop share: memory to receive into, one after the other.
using receive_buffer = std::array<std::byte, 65536>;

class epoll_channel final : public channel, public epoll_source, public detail::framed {
 public:
  // `fd` is connected. Whether it is in the set already says `known`.
  enum class in_set : bool { no, yes };
  epoll_channel(epoll_set& set, receive_buffer& buffer, unique_fd fd, in_set known) noexcept;
  ~epoll_channel() override;

  void set_events(channel_events& events) noexcept override;
  void start_receiving() noexcept override;
  void stop_receiving() noexcept override { receiving_ = false; }
  void write(bytes_view bytes) override;
  void write(std::string bytes) override;
  std::size_t unsent_bytes() const noexcept override { return unsent_.bytes(); }
  void shut_down_write() noexcept override;
  void reset_on_close() noexcept override;
  address local_address() const override;
  address peer_address() const override;

  void ready(std::uint32_t events) noexcept override;
  void displaced() noexcept override;

 private:
  bool receivable() const noexcept;
  bool unfinished() const noexcept;

  // After these the channel may be gone: the taker of its events may have destroyed it.
  void receive() noexcept;
  ssize_t receive_some() noexcept;
  void flush() noexcept;
  void report_failed_send() noexcept;

  std::size_t send_some() noexcept;
  void sending_failed(int error_number) noexcept;
  void wait_for_room() noexcept;

  channel_events* events_ = nullptr;
  receive_buffer& buffer_;
  send_queue unsent_;
  unique_fd fd_;
  int send_error_ = 0;
  bool receiving_ = false;
  bool readable_ = false;  // as far as is known, a receive would find something
  bool hung_up_ = false;   // the end is in the kernel: receive until it comes
  bool receive_ended_ = false;
  bool poll_for_room_ = false;  // EPOLLOUT is in the registration
  bool no_room_ = false;        // until EPOLLOUT comes
  bool send_failure_due_ = false;
  bool shut_down_wanted_ = false;
  bool shut_down_done_ = false;
};

}  // namespace whorl
