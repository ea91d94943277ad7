// What the threads of another process do at this moment, a process which was not built to show it.
//
// A thread that sleeps is not touched: the kernel tells where its stack is, and it is read where it lies. One that computes
// is stopped for the time that it takes to copy its registers and its stack, some 100 us (ptrace(2), PTRACE_INTERRUPT: no
// signal, and a system call that it is about to make goes on).
//
// Thread: one, the same for all calls; ptrace insists.
// Fails:  what may not be seen is left empty.
// Cost:   about a millisecond; nothing is resolved yet (process_stack.h).
#pragma once

#include <whorl/guard/call_stack.h>

#include <optional>
#include <vector>

#include "guard/process_memory.h"
#include "guard/python_stack.h"
#include "guard/thread_snapshot.h"
#include "guard/thread_state.h"

namespace whorl::detail {

struct thread_seen {
  thread_moment state;
  std::optional<thread_snapshot> stack;  // none: it could not be seen
  std::vector<stack_frame> python;       // innermost first; empty: it is in no Python code
};

class process_look {
 public:
  explicit process_look(pid_t process) : memory_(process) {}
  process_look(const process_look&) = delete;
  process_look& operator=(const process_look&) = delete;

  thread_seen at(pid_t thread);

  // Must be called again and again: a thread that did not stop in time stops later, and goes on then.
  void let_go();

 private:
  void add_running(thread_seen& into, pid_t thread);
  std::vector<stack_frame> python_of(pid_t thread) const;

  process_memory memory_;
  std::optional<python_stack> python_;  // none: nothing of Python is mapped, or not yet
  std::vector<pid_t> stopping_;         // threads that did not stop in time, and are let go when they do
};

}  // namespace whorl::detail
