// One loop's part in a memory_network: the things in it to which something may happen, now or at a known time.
//
// Everything that can happen to an object (bytes to deliver, room to send into, a peer to accept) makes it a candidate.
// A turn takes some of the candidates in a random order and lets each take one step.
//
// Thread:   the loop's.
// Lifetime: outlives its sources.
#pragma once

#include <whorl/reactor/backend.h>
#include <whorl/reactor/link_faults.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "reactor/ring.h"

namespace whorl {

class memory_loop;
class memory_network;
class memory_source;
struct memory_host;

struct candidate_link : ring_link {};
struct member_link : ring_link {};

// Something in a loop to which something may happen.
class memory_source : public candidate_link, public member_link {
 public:
  memory_source(const memory_source&) = delete;
  memory_source& operator=(const memory_source&) = delete;

  // Lets one thing happen, or nothing if nothing can; called only as a candidate. It may destroy itself.
  virtual void step() noexcept = 0;

  // Something around it has changed: becomes a candidate if something can happen to it now.
  virtual void reconsider() noexcept = 0;

  // From now on nothing happens to it, and nothing that it does is seen elsewhere.
  virtual void host_failed(peers_see /*what*/) noexcept {}

 protected:
  explicit memory_source(memory_loop& loop) noexcept;
  ~memory_source();
  memory_loop& loop() const noexcept { return loop_; }
  memory_network& network() const noexcept;

  void become_candidate() noexcept;
  void become_candidate_at(time_point when) noexcept;
  void be_no_candidate() noexcept;

 private:
  friend class memory_loop;
  using moment = std::pair<time_point, std::uint64_t>;

  memory_loop& loop_;
  std::optional<moment> later_;
};

class memory_loop {
 public:
  memory_loop(memory_network& network, memory_host& host);
  ~memory_loop();
  memory_loop(const memory_loop&) = delete;
  memory_loop& operator=(const memory_loop&) = delete;

  memory_network& network() const noexcept { return network_; }
  memory_host& host() const noexcept { return host_; }

  bool has_candidates() const noexcept { return candidates_.linked(); }

  // Makes candidates of those whose time has come.
  void wake_due() noexcept;

  // Lets some of the candidates take a step.
  void step_some() noexcept;
  bool stepped() const noexcept { return stepped_; }  // something did, in the last turn

  // Inside its own step, a source asks after every call to the user whether it still lives.
  bool still_stepping(const memory_source* source) const noexcept { return stepping_ == source; }

  // Until when its last turn wanted to wait.
  void wants(std::optional<time_point> until) noexcept { wanted_ = until; }

  // When it has something to do next; the clock does not go beyond. Nothing before its first turn.
  std::optional<time_point> next_event() const noexcept;

  void reconsider_all() noexcept;
  void fail(peers_see what) noexcept;

  std::array<std::byte, 65536> receive_buffer;  // of its channels, one after the other

 private:
  friend class memory_source;

  template <class Call>
  void for_each_source(Call call) noexcept;

  memory_network& network_;
  memory_host& host_;
  member_link sources_;
  candidate_link candidates_;
  std::map<memory_source::moment, memory_source*> later_;
  std::uint64_t next_sequence_ = 0;
  memory_source* stepping_ = nullptr;
  bool stepped_ = false;
  std::optional<time_point> wanted_;
  std::vector<memory_source*> shuffled_;  // kept for its memory
};

inline memory_network& memory_source::network() const noexcept { return loop_.network(); }

}  // namespace whorl
