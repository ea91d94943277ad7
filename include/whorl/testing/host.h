// A host is a computer of a simulation: it has a name, an address, and, while it is up, a loop on which its program runs.
//
//     host& server = world.add_host("server");
//     server.run(serve);                            // deferred<void> serve(host& here)
//     ... connect(client.loop(), server.endpoint(80)) ...
//     server.crash();
//     server.restart();                             // with a new loop; serve runs again
//
// Thread:   the simulation's.
// Lifetime: owned by its simulation. A loop and all that belongs to it die in a crash; what the program keeps elsewhere
//           survives it, as what it wrote to a disk does.
#pragma once

#include <whorl/deferred/deferred.h>
#include <whorl/reactor/link_faults.h>
#include <whorl/reactor/reactor.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace whorl::testing {

class host {
 public:
  using program = std::function<deferred<void>(host&)>;

  const std::string& name() const noexcept;

  // Where others connect to: "tcp:10.0.0.1:80". The host itself listens on "tcp:80".
  std::string endpoint(std::uint16_t port) const;

  bool up() const noexcept;
  reactor& loop();  // throws misuse while the host is down

  // Starts the program in the loop's next turn, and again after every restart. The run fails if the program does,
  // unless that is a cancellation.
  void run(program main);

  // The program ends in the middle of what it does: it is dropped, its loop is destroyed, and nothing that this brings
  // about is seen elsewhere, nor in the log. While a turn is underway, the crash comes after it.
  void crash(peers_see what = peers_see::resets);

  // Up again, after a crash or, if it is up, after crashing now.
  void restart();

  struct state;
  explicit host(std::unique_ptr<state> state) noexcept;
  host(const host&) = delete;
  host& operator=(const host&) = delete;
  ~host();

 private:
  friend class simulation;
  friend class test_loop;
  std::unique_ptr<state> state_;
};

}  // namespace whorl::testing
