// The permission to wait on a loop's thread, for a scope and with a reason: the guard then tells of no call and of no
// stall there.
//
//     settings read_settings() {
//       const permit_blocking because("reads its settings once, before it listens");
//       ...
//     }
//
// Thread:   counts for the thread that made it.
// Lifetime: a local variable. It ends with its scope, and at the latest when the callback that made it returns to the
//           loop: one that is kept across a co_await permits nothing to those that run meanwhile.
// Cost:     a lock and an entry in a list: it stands beside calls that wait.
#pragma once

#include <whorl/reactor/heartbeat.h>

#include <sys/types.h>

#include <cstdint>
#include <source_location>
#include <string_view>
#include <vector>

namespace whorl {

class [[nodiscard]] permit_blocking {
 public:
  // The reason lives as long as the program: a literal.
  explicit permit_blocking(const char* reason, std::source_location at = std::source_location::current());
  permit_blocking(const permit_blocking&) = delete;
  permit_blocking& operator=(const permit_blocking&) = delete;
  ~permit_blocking();
};

// A place in the source that gave itself permission so far.
struct blocking_permission {
  std::string_view reason;
  std::source_location given_at;
  std::uint64_t times = 0;    // given
  std::uint64_t excused = 0;  // calls and stalls that would have been told of
};

// Every place, in the order of their first use. Thread: any.
std::vector<blocking_permission> blocking_permissions();

namespace detail {
// Whether the thread, which is in a turn of the loop with this heart, is permitted to wait now.
bool blocking_is_permitted(pid_t thread, const heartbeat& heart);
}  // namespace detail

}  // namespace whorl
