// The descriptors that an epoll back end watches, and who is told about each.
//
// A kernel event names its descriptor and the generation of its entry here, not an object: an event for a descriptor that
// was closed in the same batch, or that a child process still holds open, finds no taker (see epoll(7), Q6).
//
// Thread:   the loop's.
// Lifetime: sources leave the set when they are destroyed, also inside their own event.
// Cost:     an entry of 16 bytes for each descriptor number; no allocation for an event.
#pragma once

#include <sys/epoll.h>
#include <whorl/reactor/turn_record.h>
#include <whorl/reactor/unique_fd.h>

#include <array>
#include <cstdint>
#include <ctime>
#include <vector>

#include "reactor/ring.h"

namespace whorl {

class epoll_set;

class epoll_source : public ring_link {
 public:
  // Events of the kernel's, or 0 for the turn that put_off() asked for.
  virtual void ready(std::uint32_t events) noexcept = 0;

  // Its descriptor was closed behind its back, and its number has a new owner: it must not touch it any more (S97).
  virtual void displaced() noexcept = 0;

 protected:
  explicit epoll_source(epoll_set& set) noexcept : set_(set) {}
  ~epoll_source();
  epoll_set& set() const noexcept { return set_; }

 private:
  friend class epoll_set;
  epoll_set& set_;
};

class epoll_set {
 public:
  // Fails: valid() is false, and errno says why.
  epoll_set() noexcept : fd_(::epoll_create1(EPOLL_CLOEXEC)) {}
  bool valid() const noexcept { return static_cast<bool>(fd_); }

  // These return 0 or an errno. add() displaces a source that has the same descriptor.
  int add(epoll_source& source, int fd, std::uint32_t events) noexcept;
  int change(int fd, std::uint32_t events) noexcept;
  void replace(epoll_source& source, int fd) noexcept { entries_[static_cast<std::size_t>(fd)].source = &source; }
  // Before the descriptor is closed.
  void remove(int fd) noexcept;

  // The source is called with no events at the beginning of the next turn.
  void put_off(epoll_source& source) noexcept;
  void take_back(epoll_source& source) noexcept { source.unlink(); }
  bool anything_put_off() const noexcept { return put_off_.linked(); }
  void run_put_off() noexcept;

  // Waits for events, at most until the time is over (null: without limit); tell_all() then tells their sources.
  void wait(const timespec* timeout) noexcept;
  void tell_all() noexcept;

  // Inside its own event, a source asks after every call to the user whether it still lives. It must keep the set's
  // address for that.
  bool still_told(const epoll_source* source) const noexcept { return told_ == source; }

 private:
  friend class epoll_source;

  struct entry {
    epoll_source* source = nullptr;
    std::uint32_t generation = 0;
  };

  void tell(epoll_source& source, std::uint32_t events) noexcept;
  std::uint64_t token(int fd) const noexcept;

  unique_fd fd_;
  std::vector<entry> entries_;  // by descriptor
  ring_link put_off_;
  epoll_source* told_ = nullptr;
  bool has_pwait2_ = true;
  int events_count_ = 0;
  std::array<epoll_event, 256> events_;
};

inline epoll_source::~epoll_source() {
  if (set_.told_ == this) {
    set_.told_ = nullptr;
  }
}

}  // namespace whorl
