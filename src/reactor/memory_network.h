// A memory_network is what loops on the memory back end have in common: the virtual clock, the hosts and the links
// between them, the addresses that are listened on, and the seeded choice among what may happen next.
//
// Thread:   all loops of a network are on one thread; wake() may come from any.
// Lifetime: kept alive by its back ends.
#pragma once

#include <semaphore.h>
#include <whorl/reactor/backend.h>
#include <whorl/reactor/link_faults.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "reactor/dice.h"
#include "reactor/memory_loop.h"
#include "reactor/memory_trace.h"

namespace whorl {

class memory_listener;

// Where loops are. The first host of a network has no name and every address: it is for loops that were not told theirs.
struct memory_host {
  std::size_t number;
  std::string name;
  address at;        // with port 0
  bool off = false;  // without power: it answers to nothing
};

// The way from one host to another.
struct memory_link {
  link_faults faults;
  bool cut = false;  // nothing arrives until it is mended
};

class memory_network {
 public:
  using connection_hook = std::function<void(new_connection&)>;

  explicit memory_network(std::uint64_t seed);
  ~memory_network() { ::sem_destroy(&wakes_); }
  memory_network(const memory_network&) = delete;
  memory_network& operator=(const memory_network&) = delete;

  time_point now() const noexcept { return now_; }
  dice& random() noexcept { return random_; }

  memory_host& add_host(std::string name, const address& at);
  memory_host& nameless_host() noexcept { return hosts_.front(); }

  // The host that `from` reaches under an address; null if there is none.
  memory_host* find_host(memory_host& from, const address& to) noexcept;

  memory_link& link(const memory_host& from, const memory_host& to);
  void set_faults(const link_faults& between_hosts);  // of all links that lead from one host to another
  void set_connection_hook(connection_hook hook) { hook_ = std::move(hook); }
  new_connection describe_connection(const memory_host& from, const memory_host& to);
  bool has_connection_hook() const noexcept { return hook_ != nullptr; }

  // A link or a host is not what it was: everything looks anew at what can happen to it.
  void changed() noexcept;

  // 0 or an errno. For port 0 it fills in one that is free.
  int add_listener(memory_listener& added, const memory_host& on, address& at, bool shared_port);
  void remove_listener(memory_listener& gone) noexcept;
  memory_listener* find_listener(const memory_host& on, const address& to) noexcept;
  address next_client_address(const memory_host& from, const address& to) noexcept;

  void join(memory_loop& loop) { loops_.push_back(&loop); }
  void leave(memory_loop& loop) noexcept { std::erase(loops_, &loop); }

  // `loop` has nothing to do until `until`: moves the clock as far as every loop allows, or, when there is nothing to
  // wait for in virtual time, waits for a wake(). Does nothing if somebody else drives.
  void idle(const memory_loop& loop, std::optional<time_point> until) noexcept;

  // From now on turns never wait, and only advance_to moves the clock.
  void let_somebody_else_drive() noexcept { driven_ = true; }
  void advance_to(time_point then) noexcept { now_ = then; }

  // Null: nothing is written down.
  void set_trace(memory_trace* trace) noexcept { trace_ = trace; }
  memory_trace* trace() const noexcept { return trace_; }
  void happened(const memory_host& where, const char* what, std::uint64_t connection = 0, std::uint64_t bytes = 0) {
    if (trace_ != nullptr) {
      trace_->happened(now_, where.name, what, connection, bytes);
    }
  }

  // Thread: any, and signal handlers.
  void wake() noexcept { ::sem_post(&wakes_); }

 private:
  struct listening {
    const memory_host* on;
    address at;
    bool shared_port;
    memory_listener* listener;
  };

  void wait_for_wake() noexcept;
  bool taken(const memory_host& on, const address& at, bool shared_port) const noexcept;

  time_point now_{};
  dice random_;
  std::deque<memory_host> hosts_;
  link_faults between_hosts_;
  std::map<std::pair<std::size_t, std::size_t>, memory_link> links_;
  connection_hook hook_;
  std::uint64_t connections_ = 0;
  std::vector<listening> listeners_;
  std::vector<memory_loop*> loops_;
  memory_trace* trace_ = nullptr;
  bool driven_ = false;
  std::uint16_t next_port_ = 49152;
  std::size_t held_up_ = 0;  // turns in a row in which the clock had to wait for another loop
  sem_t wakes_{};
};

}  // namespace whorl
