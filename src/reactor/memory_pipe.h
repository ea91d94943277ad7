// One direction of a connection: what the network and the kernels of both hosts hold of it. Pieces are sent, are on
// their way for a time, have arrived, and are received, in order.
//
// Thread: the network's.
#pragma once

#include <whorl/reactor/backend.h>
#include <whorl/reactor/link_faults.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>

#include "reactor/dice.h"
#include "reactor/memory_network.h"
#include "reactor/send_queue.h"

namespace whorl {

class memory_pipe {
 public:
  memory_pipe(const memory_link& link, std::optional<link_faults> own) : link_(link), own_faults_(own) {}

  // The connection's own ones, or whatever the link's are now.
  const link_faults& faults() const noexcept { return own_faults_ ? *own_faults_ : link_.faults; }
  bool cut() const noexcept { return link_.cut; }

  // How many of `available` bytes go at once: all, or a part, which is mostly small and now and then large.
  std::size_t choose_piece(std::size_t available, dice& random) const noexcept;

  // The sender's side. A piece is what is appended until send().
  std::size_t room() const noexcept;
  void append(bytes_view bytes) { bytes_.append(bytes); }
  void send(time_point now, dice& random);
  std::uint64_t sent_bytes() const noexcept { return sent_bytes_; }
  bool all_received() const noexcept { return bytes_.empty(); }

  // Nothing follows; 0, or the errno that the receiver is told. A later error takes the place of an end in order.
  void end(int error_number, time_point now, dice& random) noexcept;
  bool ended() const noexcept { return end_.has_value(); }

  // The receiver's kernel gives up: an end that needs no way to arrive.
  void fail(int error_number) noexcept;

  // Takes back what is not received.
  void clear() noexcept;

  // The receiver's side.
  void arrive(time_point now) noexcept;
  std::optional<time_point> next_arrival() const noexcept;  // nothing while the link is cut
  std::size_t arrived_bytes() const noexcept { return arrived_bytes_; }
  bool end_arrived() const noexcept { return end_arrived_; }
  int end_error() const noexcept { return end_->error_number; }
  bytes_view front() const noexcept;  // some of what arrived
  void receive(std::size_t bytes) noexcept;

 private:
  struct piece {
    std::size_t bytes;
    time_point arrives;
  };
  struct ending {
    int error_number;
    time_point arrives;
  };

  time_point arrival(time_point now, dice& random) const noexcept;

  const memory_link& link_;
  std::optional<link_faults> own_faults_;
  send_queue bytes_;
  std::deque<piece> underway_;
  std::size_t underway_bytes_ = 0;
  std::size_t arrived_bytes_ = 0;
  std::uint64_t sent_bytes_ = 0;
  std::optional<ending> end_;
  bool end_arrived_ = false;
};

}  // namespace whorl
