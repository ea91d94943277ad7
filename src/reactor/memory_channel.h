// A connected stream of the memory back end: one end of a pair of bounded pipes.
//
// Thread: the loop's. Both ends are on one thread, if on different loops.
#pragma once

#include <whorl/reactor/backend.h>

#include <array>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>

#include "reactor/memory_network.h"
#include "reactor/send_queue.h"

namespace whorl {

class memory_channel;

// One direction: what the kernels of both hosts would hold.
struct memory_pipe {
  static constexpr std::size_t capacity = 65536;

  std::size_t room() const noexcept { return capacity - bytes.bytes(); }

  send_queue bytes;
  bool ended = false;  // no more will be written
  bool reset = false;  // the writer broke the connection
  bool reader_gone = false;
};

// A connection, kept by its ends.
struct memory_wire {
  struct end {
    memory_channel* channel = nullptr;  // null once it is closed
    address name;
    memory_pipe sent;
  };
  std::array<end, 2> ends;
};

class memory_channel final : public channel, public memory_source {
 public:
  // Both ends of a new connection. The first is in `loop` and has connected from `from` to `to`.
  static std::pair<std::unique_ptr<memory_channel>, std::unique_ptr<memory_channel>> make_pair(memory_loop& loop,
                                                                                               memory_loop& accepting,
                                                                                               const address& from,
                                                                                               const address& to);
  memory_channel(memory_loop& loop, std::shared_ptr<memory_wire> wire, std::size_t side) noexcept;
  ~memory_channel() override;

  void set_events(channel_events& events) noexcept override;
  void start_receiving() noexcept override;
  void stop_receiving() noexcept override { receiving_ = false; }
  void write(bytes_view bytes) override;
  void write(std::string bytes) override;
  std::size_t unsent_bytes() const noexcept override { return unsent_.bytes(); }
  void shut_down_write() noexcept override;
  void reset_on_close() noexcept override { reset_on_close_ = true; }
  address local_address() const override { return wire_->ends[side_].name; }
  address peer_address() const override { return wire_->ends[1 - side_].name; }

  void step() noexcept override;

 private:
  memory_pipe& sent() const noexcept { return wire_->ends[side_].sent; }
  memory_pipe& incoming() const noexcept { return wire_->ends[1 - side_].sent; }

  bool writable() const noexcept { return send_error_ == 0 && !shut_down_wanted_; }
  bool can_receive() const noexcept;
  bool can_send() const noexcept;
  bool can_tell_failure() const noexcept { return send_failure_due_ && !can_receive(); }
  void reconsider() noexcept;
  void tell_peer() const noexcept;

  // After these the channel may be gone.
  void receive() noexcept;
  void send() noexcept;

  std::size_t move_bytes() noexcept;

  std::shared_ptr<memory_wire> wire_;
  std::size_t side_;
  channel_events* events_ = nullptr;
  send_queue unsent_;
  int send_error_ = 0;
  bool send_failure_due_ = false;
  bool receiving_ = false;
  bool receive_ended_ = false;
  bool shut_down_wanted_ = false;
  bool reset_on_close_ = false;
};

}  // namespace whorl
