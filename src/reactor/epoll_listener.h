// Accepting on the epoll back end, and what its listeners share.
//
// Thread: the loop's.
#pragma once

#include <whorl/reactor/backend.h>

#include <optional>
#include <vector>

#include "reactor/epoll_channel.h"
#include "reactor/epoll_set.h"
#include "reactor/sockets.h"

namespace whorl {

// Listeners that are out of descriptors, spare one included, and rest for a while: a level-triggered event that cannot
// be answered would make the loop spin.
class resting_listeners {
 public:
  void add(epoll_source& listener);
  void remove(epoll_source& listener) noexcept { std::erase(waiting_, &listener); }

  std::optional<time_point> until() const noexcept { return until_; }
  void wake_due(epoll_set& set) noexcept;

 private:
  std::vector<epoll_source*> waiting_;
  std::optional<time_point> until_;
};

// What all objects of one back end use.
struct epoll_parts {
  epoll_set set;
  receive_buffer buffer;
  spare_descriptor spare;
  resting_listeners resting;
};

// Level-triggered: what one turn leaves is reported again in the next.
class epoll_listener final : public listener, public epoll_source {
 public:
  epoll_listener(epoll_parts& parts, listening_socket socket, accept_events& events) noexcept;
  ~epoll_listener() override;

  int start() noexcept { return set().add(*this, socket_.fd.get(), EPOLLIN); }  // 0 or an errno
  address local_address() const override { return local_address_of(socket_.fd.get()); }

  void ready(std::uint32_t events) noexcept override;
  void displaced() noexcept override;

 private:
  // These return whether to go on accepting. The listener may be gone after them.
  bool accept_one() noexcept;
  bool go_on_after(int error_number) noexcept;
  bool refuse_one(int error_number) noexcept;

  epoll_parts& parts_;
  listening_socket socket_;
  accept_events& events_;
  bool exhausted_ = false;
};

}  // namespace whorl
