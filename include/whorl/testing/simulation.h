// A simulation runs a whole program, several hosts of it, on one thread: without sockets, without waiting, and always in
// the same way for the same seed.
//
//     simulation world(seed);
//     host& server = world.add_host("server");
//     host& client = world.add_host("client");
//     server.run(serve);
//     auto answer = world.run(ask(client, server.endpoint(80)));
//
// The seed decides which host has its turn next, which of the possible events come in it, how bytes are cut into pieces
// and how long they travel: one of the orders that a real network may show. Time is virtual, and goes on only when
// nothing is left to do at this moment; then it jumps to the next thing that is due.
//
// What is simulated is hosts that are quick and links that are not. Nothing else may decide: a program that asks a real
// clock, another thread or an address of memory is not run in the same way again.
//
// Thread:   everything on one; threads have no part in a simulation.
// Lifetime: outlives what runs in it.
// Fails:    every run_... throws run_failed: for what can never happen (a deadlock), for what does not happen in time, and
//           for a host whose program fails.
#pragma once

#include <whorl/deferred/deferred.h>
#include <whorl/reactor/link_faults.h>
#include <whorl/testing/host.h>

#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace whorl::testing {

// The text names the seed, the moment and the reason.
class run_failed : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class simulation {
 public:
  explicit simulation(std::uint64_t seed);
  ~simulation();
  simulation(const simulation&) = delete;
  simulation& operator=(const simulation&) = delete;

  std::uint64_t seed() const noexcept;
  time_point now() const noexcept;

  // From the seed, for what the test itself leaves to chance: a number from 0 to `most`, or a time up to `longest`.
  std::uint64_t choose(std::uint64_t most);
  duration choose_delay(duration longest);

  // Up, with an address of its own: 10.0.0.1, 10.0.0.2 and so on.
  host& add_host(std::string name);

  // Runs until it fires. The first throws what it fails with.
  template <class T>
  T run(deferred<T> awaited) {
    run_until(awaited);
    auto how = std::move(awaited).take();
    if (!how) {
      how.error().raise();
    }
    if constexpr (!std::is_void_v<T>) {
      return std::move(*how);
    }
  }
  template <class T>
  void run_until(const deferred<T>& awaited) {
    run_until([&awaited] { return awaited.ready(); }, "a deferred fires");
  }

  // Runs until it holds, which is asked after every turn. `what` says it in words.
  void run_until(const std::function<bool()>& holds, std::string_view what);

  // Lets so much time pass, with all that happens in it.
  void run_for(duration time);

  // Runs until nothing is left to do at this moment.
  void settle();

  // How much simulated time run_until waits at most, for programs that never come to rest. The default is an hour.
  void set_patience(duration most);

  // Calls it when so much time has passed, between turns.
  void after(duration delay, std::function<void()> action);

  // Of all links between hosts, or of the link on which one host sends to another. The default delays every piece by up
  // to a millisecond. A host's link to itself is perfect unless it is set by itself.
  void set_faults(const link_faults& everywhere);
  void set_faults(const host& from, const host& to, const link_faults& faults);

  // Called for each new connection, and may change what will happen to it.
  void on_connection(std::function<void(new_connection&)> hook);

  // While two hosts are parted, what they send to each other does not arrive; heal() mends all links, and it does.
  void part(const host& one, const host& other);
  void cut(const host& from, const host& to);  // in one direction
  void heal();

  // What happened, line by line, and a digest of all of it: the same for every run with this seed.
  void remark(std::string_view text);
  std::string trace() const;

  struct state;

 private:
  friend class test_loop;
  std::unique_ptr<state> state_;
};

}  // namespace whorl::testing
