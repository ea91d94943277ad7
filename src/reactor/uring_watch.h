// A uring_watch is interest in a descriptor of the user's, once: a poll on the ring.
//
// Thread:   the loop's.
// Lifetime: outlives its handle until the kernel has let go of it.
#pragma once

#include <whorl/reactor/backend.h>

#include <memory>

#include "reactor/uring_requests.h"

namespace whorl {

class uring_watch final : public uring_client {
 public:
  static std::unique_ptr<watch> open(uring_requests& requests, int fd, readiness what, watch_events& events);

 private:
  class handle;
  enum : kind { poll };

  uring_watch(uring_requests& requests, int fd, readiness what, watch_events& events) noexcept
      : uring_client(requests), fd_(fd), what_(what), events_(events) {}

  void settle() noexcept override;
  void completed(kind which, int result, unsigned flags) noexcept override;

  int fd_;
  readiness what_;
  bool asked_ = false;
  watch_events& events_;
};

}  // namespace whorl
