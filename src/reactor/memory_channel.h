// A connected stream of the memory back end: one end of a pair of bounded pipes.
//
// Thread: the loop's. Both ends are on one thread, if on different loops.
#pragma once

#include <whorl/reactor/backend.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "reactor/memory_loop.h"
#include "reactor/memory_pipe.h"
#include "reactor/send_queue.h"

namespace whorl {

class memory_channel;

// A connection, kept by its ends.
struct memory_wire {
  struct end {
    memory_host& host;
    address name;
    memory_pipe sent;
    memory_channel* channel = nullptr;  // null once it is closed
    bool reading = true;                // false: what is sent to it meets a reset, or silence
    bool vanished = false;              // its host failed without a word
  };
  std::uint64_t number;
  std::array<end, 2> ends;
};

class memory_channel final : public channel, public memory_source {
 public:
  // Both ends of a new connection. The first is in `loop` and has connected to `to`.
  static std::pair<std::unique_ptr<memory_channel>, std::unique_ptr<memory_channel>> make_pair(memory_loop& loop,
                                                                                               memory_loop& accepting,
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
  address local_address() const override { return here().name; }
  address peer_address() const override { return there().name; }

  void step() noexcept override;
  void reconsider() noexcept override;
  void host_failed(peers_see what) noexcept override;

 private:
  memory_wire::end& here() const noexcept { return wire_->ends[side_]; }
  memory_wire::end& there() const noexcept { return wire_->ends[1 - side_]; }
  memory_pipe& sent() const noexcept { return here().sent; }
  memory_pipe& incoming() const noexcept { return there().sent; }
  dice& random() const noexcept;
  time_point now() const noexcept;

  bool writable() const noexcept { return send_error_ == 0 && !shut_down_wanted_ && !failed_; }
  bool peer_is_gone() const noexcept { return !there().reading && incoming().end_arrived(); }
  bool can_receive() const noexcept;
  bool can_send() const noexcept;
  bool can_tell_failure() const noexcept { return send_failure_due_ && !can_receive(); }
  bool unheard() const noexcept;
  void notice_silence() noexcept;
  void tell_peer() const noexcept;
  void close(int error_number) noexcept;
  void break_connection(int error_number) noexcept;

  // After these the channel may be gone.
  void receive() noexcept;
  void send() noexcept;

  std::size_t send_piece() noexcept;
  std::size_t copy_out(std::size_t most) noexcept;

  std::shared_ptr<memory_wire> wire_;
  std::size_t side_;
  channel_events* events_ = nullptr;
  send_queue unsent_;
  std::optional<time_point> patience_;  // until when it sends into silence
  int send_error_ = 0;
  bool send_failure_due_ = false;
  bool receiving_ = false;
  bool receive_ended_ = false;
  bool shut_down_wanted_ = false;
  bool reset_on_close_ = false;
  bool failed_ = false;  // with its host
};

}  // namespace whorl
