// An event is a condition that others wait for: set or not set.
//
// Thread:   belongs to one loop.
// Lifetime: destroying it fails those that wait with errc::closed.
// Cancel:   who is cancelled stops waiting.
#pragma once

#include <whorl/deferred/waiting_line.h>

#include <cstddef>

namespace whorl {

class event {
 public:
  // Lets everybody go who waits now, in their order, and everybody who comes until clear().
  void set();
  void clear() noexcept { set_ = false; }
  bool is_set() const noexcept { return set_; }

  // Fires when the event is set; at once if it is.
  deferred<void> wait();
  std::size_t waiting() const noexcept { return line_.size(); }

 private:
  bool set_ = false;
  waiting_line<void> line_;
};

}  // namespace whorl
