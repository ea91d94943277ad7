// What a simulation and its hosts share.
//
// Thread: the simulation's.
#pragma once

#include <whorl/reactor/reactor.h>
#include <whorl/testing/simulation.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "reactor/memory_network.h"

namespace whorl::testing {

struct host::state {
  state(simulation::state& its_world, memory_host& its_place) : world(its_world), place(its_place) {}

  void start();
  void start_program();
  void fail(peers_see what);

  // It has something to do now; or that is not known, because something was done to it since its last turn.
  bool busy() const noexcept;

  simulation::state& world;
  memory_host& place;
  host* self = nullptr;
  host::program main;
  bool plans_known = false;

  // While it is up.
  memory_loop* part = nullptr;
  std::optional<reactor> loop;
  std::optional<deferred<void>> work;
};

struct simulation::state {
  enum class progress : std::uint8_t { some, none_until_then, none_ever };

  explicit state(std::uint64_t its_seed);
  ~state();
  state(const state&) = delete;
  state& operator=(const state&) = delete;

  host& add_host(std::string name);

  // Lets one thing happen: an action, a turn of one host, or the clock's jump to what comes next, if that is not later
  // than `limit`.
  progress step(time_point limit);
  void turn(host::state& of);

  // Now, or after the turn that is underway.
  void between_turns(std::function<void()> call);
  void forget_plans() noexcept;

  [[noreturn]] void fail(std::string_view why) const;
  std::string describe_hosts() const;

  const std::uint64_t seed;
  std::shared_ptr<memory_network> network;
  memory_trace trace;
  duration patience = std::chrono::hours(1);
  std::string program_failure;  // of a host, for the end of its turn
  std::deque<host> hosts;

 private:
  bool run_due_action();
  bool turn_somebody();
  std::optional<time_point> next_event() const noexcept;
  void run_calls_between_turns();
  void count_turn();

  std::map<std::pair<time_point, std::uint64_t>, std::function<void()>> actions_;
  std::uint64_t next_action_ = 0;
  std::vector<std::function<void()>> between_turns_;
  std::vector<host::state*> ready_;  // kept for its memory
  bool turning_ = false;
  bool all_asked_ = false;  // since something was done, every host was asked for its plans
  time_point counting_at_{};
  std::uint64_t turns_at_once_ = 0;

  friend class simulation;
};

}  // namespace whorl::testing
