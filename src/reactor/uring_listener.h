// A uring_listener is a listening socket on the ring, with a multishot accept.
//
// Thread:   the loop's.
// Lifetime: outlives its handle until the kernel has let go of it; a peer accepted meanwhile is closed.
#pragma once

#include <whorl/reactor/backend.h>

#include <cstdint>
#include <memory>

#include "reactor/sockets.h"
#include "reactor/uring_requests.h"

namespace whorl {

class uring_listener final : public uring_client {
 public:
  static std::unique_ptr<listener> open(uring_requests& requests, listening_socket socket, accept_events& events);

 private:
  class handle;
  enum : kind { accept, hesitate };
  enum class next_step : std::uint8_t { accept, await_a_peer, rest, nothing };

  uring_listener(uring_requests& requests, listening_socket socket, accept_events& events) noexcept
      : uring_client(requests), socket_(std::move(socket)), events_(events) {}

  void settle() noexcept override;
  void completed(kind which, int result, unsigned flags) noexcept override;

  void close() noexcept;
  void failed(int error_number) noexcept;
  void refuse_the_waiting() noexcept;

  listening_socket socket_;
  accept_events& events_;
  spare_descriptor spare_;
  next_step next_ = next_step::accept;
};

}  // namespace whorl
