// The functions on the stacks of another process' threads: unwound by the tables that compilers write for exceptions, since
// it was not built to be looked at, and named by its debug information.
//
// Thread: one at a time. Cost: the first stack of a program takes until its symbols are read, up to a second.
// Fails:  of a process that has ended only what was mapped before is known.
#pragma once

#include <whorl/guard/call_stack.h>

#include <vector>

#include "guard/debug_information.h"
#include "guard/table_unwinder.h"
#include "guard/thread_snapshot.h"

namespace whorl::detail {

class process_stack {
 public:
  explicit process_stack(pid_t process) : information_(process), unwinder_(information_, process) {}

  // Innermost first, without the functions of the preloaded library, which stand in front of others.
  std::vector<stack_frame> resolve(const thread_snapshot& taken);

 private:
  debug_information information_;
  table_unwinder unwinder_;
};

}  // namespace whorl::detail
