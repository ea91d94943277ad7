// What is told of a call that does not come back.
//
// Thread: any.
#pragma once

#include <whorl/places/called_function.h>
#include <whorl/reactor/time.h>

#include <sys/types.h>
#include <span>
#include <string>

namespace whorl::detail {

struct stuck_call {
  called_function function;
  std::string asked_at;  // who waits for it, and who for them; empty: not known here
  pid_t thread;
  duration runs_for;
};

// Cost: as guard/call_stack.h's resolve.
void log_stuck_calls(const std::string& place, std::span<const stuck_call> which) noexcept;
void log_stuck_call_ended(const std::string& place, const called_function& function, duration took) noexcept;

}  // namespace whorl::detail
