// What the deferreds of one thread share: what runs there, in which context, and what waits.
//
// Cost: an access is a load from thread-local memory: constinit, so that no compiler guards it with a call.
#pragma once

#include <whorl/deferred/platform.h>

#include <cstdint>

namespace whorl {
class turn_record;
}

namespace whorl::detail {

class node;
class context_values;
class pending_link;
struct request;

struct thread_state {
  std::uint32_t nested_firings = 0;  // how many run inside each other now
  node* first_postponed = nullptr;   // those that may run, and wait until the stack has unwound
  node* last_postponed = nullptr;
  request* requests = nullptr;              // what is asked of nodes that run
  const context_values* context = nullptr;  // of the work that runs now
  pending_link* pending = nullptr;          // the thread's own promises that have not fired
  pending_link** pending_here = nullptr;    // those of the thread's loop; null: the thread's own
  const node* running = nullptr;            // the innermost whose own code runs now
  turn_record* record = nullptr;            // of the loop whose turn this is
  std::int64_t now = 0;                     // nanoseconds, when the loop began to handle what it handles now
};

WHORL_FAST_THREAD_LOCAL extern constinit thread_local thread_state this_thread;

// An address that differs from thread to thread.
inline const void* this_thread_mark() noexcept { return &this_thread; }

}  // namespace whorl::detail
