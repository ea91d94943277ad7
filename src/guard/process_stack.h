// The stacks of the threads of another process, which was not built to show them: unwound by the tables that compilers
// write for exceptions.
//
// A thread that sleeps is not touched: the kernel tells where its stack is, and it is read where it lies. One that computes
// is stopped for the time that it takes to copy its registers and its stack, some 100 us (ptrace(2), PTRACE_INTERRUPT: no
// signal, and a system call that it is about to make goes on).
//
// Thread: one, the same for all calls; ptrace insists.
// Fails:  what may not be seen is left empty.
#pragma once

#include <whorl/guard/call_stack.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "guard/debug_information.h"
#include "guard/process_memory.h"
#include "guard/python_stack.h"
#include "guard/table_unwinder.h"
#include "guard/thread_snapshot.h"
#include "guard/thread_state.h"

namespace whorl::detail {

class process_stack {
 public:
  explicit process_stack(pid_t process) : memory_(process) {}
  process_stack(const process_stack&) = delete;
  process_stack& operator=(const process_stack&) = delete;

  // Reads what is mapped now, so that what is taken later takes no time.
  void prepare();

  // What a thread does at this moment. Quick: nothing is resolved yet.
  struct moment {
    thread_moment state;
    std::optional<thread_snapshot> stack;  // none: it could not be seen
    std::vector<stack_frame> python;       // innermost first; empty: it is in no Python code
  };
  moment take(pid_t thread);

  // Must be called again and again: a thread that did not stop in time stops later, and goes on then.
  void let_go();

  // The functions of a stack that was taken, innermost first.
  std::vector<stack_frame> resolve(const thread_snapshot& stack);

 private:
  void take_running(moment& into, pid_t thread);
  std::vector<stack_frame> python_of(pid_t thread) const;

  process_memory memory_;
  std::optional<debug_information> information_;
  std::optional<table_unwinder> unwinder_;
  std::optional<python_stack> python_;
  std::vector<pid_t> stopping_;  // threads that did not stop in time, and are let go when they do
};

}  // namespace whorl::detail
