// A transport is one connection as its protocol sees it: requests, in the imperative.
//
// Thread:   the loop's; anywhere else every member throws misuse.
// Lifetime: owned by the loop; destroyed after connection_lost, together with its protocol, when that call has
//           returned. A loop that is destroyed ends its connections first, with connection_lost (S74).
// Fails:    never: what goes wrong arrives as connection_lost.
#pragma once

#include <whorl/reactor/backend.h>

#include <cstddef>
#include <string>
#include <string_view>

namespace whorl {

class reactor;

struct water_marks {
  std::size_t high_bytes = 65536;  // from this much unsent on, the protocol is told writing_paused
  std::size_t low_bytes = 16384;   // at or below it, writing_resumed
};

class transport {
 public:
  transport() = default;
  transport(const transport&) = delete;
  transport& operator=(const transport&) = delete;
  virtual ~transport() = default;

  // Queues bytes, in order, and returns at once (S81). Ignored after lose_connection or when the connection is gone
  // (S83). The string is taken over, a view is copied.
  // Cost: an append; what one turn of the loop wrote is sent together.
  virtual void write(bytes_view bytes) = 0;
  virtual void write(std::string bytes) = 0;
  void write(std::string_view text) { write(std::as_bytes(std::span(text))); }
  void write(const char* text) { write(std::string_view(text)); }
  virtual std::size_t unsent_bytes() const = 0;
  virtual void set_water_marks(water_marks marks) = 0;

  // Stops reading, sends what is queued, then closes; connection_lost comes later (S82).
  // Closing at once would lose data: a kernel that has unread input, or gets some afterwards, resets the connection and
  // destroys what is underway in the other direction. So this side is ended first, then what arrives is thrown away
  // until the peer ends its own, then the connection is closed.
  // A peer that for as long as `linger` takes nothing of what is queued is aborted (connection_aborted); one that has
  // taken everything and does not end its side within `linger` is closed all the same (connection_done) (S84).
  virtual void lose_connection(duration linger = std::chrono::seconds(30)) = 0;
  // Sends what is queued, then ends this side (write_connection_lost); bytes still arrive (S88).
  virtual void lose_write_connection() = 0;
  // Drops what is queued, resets the connection; no data_received follows, not even from the current read (S85).
  virtual void abort_connection() = 0;

  // No data_received until resume_producing (S91). The end of the connection is still noticed when something is sent.
  virtual void pause_producing() = 0;
  virtual void resume_producing() = 0;

  // Of nothing once the connection has ended: a protocol that logs its peer asks in connection_made.
  virtual address local_address() const = 0;
  virtual address peer_address() const = 0;
  virtual reactor& loop() const noexcept = 0;
};

}  // namespace whorl
