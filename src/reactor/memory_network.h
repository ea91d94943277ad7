// A memory_network is what loops on the memory back end have in common: the virtual clock, the addresses that are
// listened on, and the seeded choice among what may happen next.
//
// Everything that can happen to an object (bytes to deliver, room to send into, a peer to accept) makes it a candidate of
// its own loop. A turn takes some of the loop's candidates in a random order and lets each take one step.
//
// Thread:   all loops of a network are on one thread; wake() may come from any.
// Lifetime: kept alive by its back ends.
#pragma once

#include <semaphore.h>
#include <whorl/reactor/backend.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "reactor/ring.h"

namespace whorl {

class memory_loop;
class memory_listener;

// Something in a loop to which something may happen.
class memory_source : public ring_link {
 public:
  // Lets one thing happen; called only as a candidate. It may destroy itself.
  virtual void step() noexcept = 0;

 protected:
  explicit memory_source(memory_loop& loop) noexcept : loop_(loop) {}
  ~memory_source();
  memory_loop& loop() const noexcept { return loop_; }

  // Something can happen to it: it gets a step in a coming turn.
  void become_candidate() noexcept;

 private:
  memory_loop& loop_;
};

class memory_network {
 public:
  explicit memory_network(std::uint64_t seed) : random_(seed) { ::sem_init(&wakes_, 0, 0); }
  ~memory_network() { ::sem_destroy(&wakes_); }
  memory_network(const memory_network&) = delete;
  memory_network& operator=(const memory_network&) = delete;

  time_point now() const noexcept { return now_; }

  // From 0 to `most`, both included.
  std::size_t choose(std::size_t most) noexcept { return std::uniform_int_distribution<std::size_t>(0, most)(random_); }

  // Mostly small, now and then large: how many of `available` bytes go at once.
  std::size_t choose_chunk(std::size_t available) noexcept;

  // 0 or an errno. For port 0 it fills in one that is free.
  int add_listener(memory_listener& added, address& at, bool shared_port);
  void remove_listener(memory_listener& gone) noexcept;
  memory_listener* find_listener(const address& to) noexcept;
  address next_client_address(const address& to) noexcept;

  void join(memory_loop& loop) { loops_.push_back(&loop); }
  void leave(memory_loop& loop) noexcept { std::erase(loops_, &loop); }

  // `loop` has nothing to do until `until`: moves the clock as far as every loop allows, or, when there is nothing to
  // wait for in virtual time, waits for a wake().
  void idle(const memory_loop& loop, std::optional<time_point> until) noexcept;

  // Thread: any, and signal handlers.
  void wake() noexcept { ::sem_post(&wakes_); }

 private:
  struct listening {
    address at;
    bool shared_port;
    memory_listener* listener;
  };

  void wait_for_wake() noexcept;
  bool taken(const address& at, bool shared_port) const noexcept;

  time_point now_{};
  std::mt19937_64 random_;
  std::vector<listening> listeners_;
  std::vector<memory_loop*> loops_;
  std::uint16_t next_port_ = 49152;
  std::size_t held_up_ = 0;  // turns in a row in which the clock had to wait for another loop
  sem_t wakes_{};
};

// One loop's part in the network.
class memory_loop {
 public:
  explicit memory_loop(memory_network& network) : network_(network) { network_.join(*this); }
  ~memory_loop() { network_.leave(*this); }
  memory_loop(const memory_loop&) = delete;
  memory_loop& operator=(const memory_loop&) = delete;

  memory_network& network() const noexcept { return network_; }

  bool has_candidates() const noexcept { return candidates_.linked(); }
  void add_candidate(memory_source& source) noexcept;
  void step_some() noexcept;

  // Inside its own step, a source asks after every call to the user whether it still lives.
  bool still_stepping(const memory_source* source) const noexcept { return stepping_ == source; }

  // Until when its last turn wanted to wait; the clock does not go beyond. Nothing before its first turn.
  void wants(std::optional<time_point> until) noexcept { wanted_ = until; }
  std::optional<time_point> wanted() const noexcept { return wanted_; }

  std::array<std::byte, 65536> receive_buffer;  // of its channels, one after the other

 private:
  friend class memory_source;

  memory_network& network_;
  ring_link candidates_;
  memory_source* stepping_ = nullptr;
  std::optional<time_point> wanted_;
  std::vector<memory_source*> shuffled_;  // kept for its memory
};

inline memory_source::~memory_source() {
  if (loop_.stepping_ == this) {
    loop_.stepping_ = nullptr;
  }
}

inline void memory_source::become_candidate() noexcept { loop_.add_candidate(*this); }

}  // namespace whorl
