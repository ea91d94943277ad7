// Requests to the kernel, and the clients whose they are: a stream that receives and sends, a listener that accepts.
//
// A client is told what the program wants by its handle (a channel, a listener), at any time; once a turn it settles,
// that is, makes the requests that bring the kernel up to date with that. So requests are made in one place only, and
// what was wanted and then not is never asked for.
//
// Invariants:
//   the kernel names a completion's client by its address, so a client lives until its last request has completed;
//   a client has at most one request of each kind under way;
//   requests are made in settle(), events happen in completed().
//
// Thread: the loop's.
// Cost:   no allocation.
#pragma once

#include <sys/socket.h>
#include <sys/uio.h>
#include <whorl/deferred/frame_pool.h>
#include <whorl/reactor/time.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "reactor/uring_buffers.h"
#include "reactor/uring_ring.h"

namespace whorl {

class uring_requests;

class uring_client : public detail::framed {
 public:
  uring_client(const uring_client&) = delete;
  uring_client& operator=(const uring_client&) = delete;

  // The handle is gone: no event follows, what is under way is cancelled, and then the client is destroyed.
  void abandon() noexcept;

 protected:
  using kind = std::uint8_t;  // each client numbers the kinds of its requests from 0 to 7

  explicit uring_client(uring_requests& requests) noexcept;
  virtual ~uring_client();

  uring_requests& requests() const noexcept { return requests_; }
  bool abandoned() const noexcept { return abandoned_; }
  bool under_way(kind which) const noexcept { return (under_way_ & 1U << which) != 0; }
  void settle_later() noexcept;

  // In settle() only:
  io_uring_sqe& request(kind which, io_uring_op operation, int fd) noexcept;
  void cancel(kind which) noexcept;                                           // if it is under way
  void call_back(kind which) noexcept { request(which, IORING_OP_NOP, -1); }  // completes in this turn

 private:
  friend class uring_requests;

  // Makes the requests that are wanted now. Never called on an abandoned client.
  virtual void settle() noexcept = 0;

  // One completion. `flags` without IORING_CQE_F_MORE: the request is over, and settle() follows. An abandoned client
  // is told too: what comes may be a descriptor to close, or a buffer to release.
  virtual void completed(kind which, int result, unsigned flags) noexcept = 0;

  uring_requests& requests_;
  uring_client* next_unsettled_ = nullptr;
  std::uint8_t under_way_ = 0;  // a bit a kind
  std::uint8_t cancelled_ = 0;
  bool unsettled_ = false;
  bool abandoned_ = false;
};

class uring_requests {
 public:
  uring_requests(uring ring, uring_buffers buffers) noexcept;
  uring_requests(const uring_requests&) = delete;
  uring_requests& operator=(const uring_requests&) = delete;
  // Waits until the kernel has let go of everything. Every client must have been abandoned.
  ~uring_requests();

  uring_buffers& buffers() noexcept { return buffers_; }

  // The turn's three steps. hand_over() never waits; deliver() tells clients of the completions that are there.
  void hand_over() noexcept;
  bool has_completions() const noexcept { return ring_.has_completions(); }
  void wait(std::optional<duration> limit) noexcept { ring_.wait(limit); }
  void deliver() noexcept;

  // A message of these pieces that stays where it is until the kernel has seen it, at the next hand-over.
  static constexpr std::size_t most_pieces = 16;
  const msghdr& message_of(std::span<const iovec> pieces) noexcept;

 private:
  friend class uring_client;
  struct gathered_message {
    msghdr header;
    std::array<iovec, most_pieces> pieces;
  };

  void add_unsettled(uring_client& client) noexcept;
  void settle(uring_client& client) noexcept;
  void complete(const io_uring_cqe& completion) noexcept;

  uring ring_;
  uring_buffers buffers_;
  uring_client* first_unsettled_ = nullptr;
  uring_client* last_unsettled_ = nullptr;
  std::size_t clients_ = 0;
  std::size_t abandoned_clients_ = 0;
  std::size_t gathered_ = 0;
  std::array<gathered_message, 32> messages_;
};

}  // namespace whorl
