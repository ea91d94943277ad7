// An attempt to connect on the epoll back end.
//
// Thread: the loop's.
#pragma once

#include <whorl/deferred/frame_pool.h>
#include <whorl/reactor/backend.h>

#include "reactor/epoll_listener.h"
#include "reactor/epoll_set.h"

namespace whorl {

class epoll_connector final : public connector, public epoll_source, public detail::framed {
 public:
  epoll_connector(epoll_parts& parts, const address& to, connect_events& events) noexcept;
  ~epoll_connector() override;

  void ready(std::uint32_t events) noexcept override;
  void displaced() noexcept override;

 private:
  int start(const address& to) noexcept;  // 0 or an errno

  epoll_parts& parts_;
  connect_events& events_;
  unique_fd fd_;
  int failed_ = 0;
};

}  // namespace whorl
