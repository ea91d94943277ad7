// The functions on the stacks of a process' threads: unwound by the tables that compilers write for exceptions, since it
// need not have been built to be looked at, and named by its debug information.
//
// Thread: one at a time. Cost: a millisecond to begin with; until the symbols of a program are read, up to a second.
// Fails:  of a process that has ended only what was mapped before is known; without libdw nothing is.
#pragma once

#include <whorl/guard/call_stack.h>

#include <cstdint>
#include <vector>

#include "guard/debug_information.h"
#include "guard/table_unwinder.h"
#include "guard/thread_snapshot.h"

namespace whorl::detail {

class process_stack {
 public:
  explicit process_stack(pid_t process) : information_(process), unwinder_(information_, process) {}

  // Innermost first. Of the functions of the preloaded library only names that say more are left.
  std::vector<stack_frame> resolve(const thread_snapshot& taken);

 private:
  debug_information information_;
  table_unwinder unwinder_;
};

// Of this process: the innermost address runs or sleeps, the others are those that calls return to.
// Thread: any. Cost: about two milliseconds, symbols are not read.
std::vector<std::uintptr_t> unwind(const thread_snapshot& taken);

}  // namespace whorl::detail
