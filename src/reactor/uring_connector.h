// A uring_connector is an attempt to connect, on the ring.
//
// Thread:   the loop's.
// Lifetime: outlives its handle until the kernel has let go of it.
#pragma once

#include <whorl/reactor/backend.h>
#include <whorl/reactor/unique_fd.h>

#include <memory>

#include "reactor/uring_requests.h"

namespace whorl {

class uring_connector final : public uring_client {
 public:
  static std::unique_ptr<connector> open(uring_requests& requests, const address& to, connect_events& events);

 private:
  class handle;
  enum : kind { connect, tell_failure };

  uring_connector(uring_requests& requests, const address& to, connect_events& events);

  void settle() noexcept override;
  void completed(kind which, int result, unsigned flags) noexcept override;

  address to_;
  connect_events& events_;
  unique_fd fd_;
  int failed_ = 0;
  bool asked_ = false;
};

}  // namespace whorl
