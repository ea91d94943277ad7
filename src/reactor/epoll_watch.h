// Watching descriptors of the user's on the epoll back end.
//
// The kernel takes one registration for each descriptor, and many may watch it; so there is one watched_descriptor for
// all of them, armed for a single event at a time.
//
// Thread: the loop's.
#pragma once

#include <whorl/deferred/frame_pool.h>
#include <whorl/reactor/backend.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>

#include "reactor/epoll_set.h"
#include "reactor/ring.h"

namespace whorl {

class watched_descriptor;

class epoll_watch final : public watch, public ring_link, public detail::framed {
 public:
  epoll_watch(watched_descriptor& watched, readiness what, watch_events& taker) noexcept;
  ~epoll_watch() override;

  watched_descriptor& on;
  const std::uint32_t polls;
  watch_events& events;
};

class watched_descriptor final : public epoll_source {
 public:
  using map = std::map<int, std::unique_ptr<watched_descriptor>>;  // each is gone when nobody watches it

  watched_descriptor(epoll_set& set, map& all, int fd) noexcept : epoll_source(set), all_(all), fd_(fd) {}
  ~watched_descriptor();

  int add(epoll_watch& added) noexcept;  // 0 or an errno
  void left() noexcept;

  void ready(std::uint32_t events) noexcept override;
  void displaced() noexcept override;

 private:
  int arm() noexcept;
  void move_those_who_want(std::uint32_t events, ring_link& into) noexcept;

  map& all_;
  ring_link watches_;
  std::size_t count_ = 0;
  int fd_;
  bool registered_ = false;
  bool telling_ = false;
};

}  // namespace whorl
