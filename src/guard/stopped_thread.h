// A thread of another process that is stopped, and goes on when this goes. It gets no signal, and a system call that it was
// about to make goes on.
//
// Thread: one, the same for all; ptrace insists.
// Source: ptrace(2), PTRACE_SEIZE, PTRACE_INTERRUPT.
#pragma once

#include <sys/types.h>

#include <optional>

#include "guard/thread_snapshot.h"

namespace whorl::detail {

class stopped_thread {
 public:
  explicit stopped_thread(pid_t thread) noexcept;
  stopped_thread(const stopped_thread&) = delete;
  stopped_thread& operator=(const stopped_thread&) = delete;
  ~stopped_thread();

  // It was asked to stop and has not yet: then let_go_on must be called until it says yes.
  bool stops_later() const noexcept { return asked_ && !stands_; }

  // None where it does not stand.
  std::optional<known_registers> registers() const noexcept;

  // Of one that stops later.
  static bool let_go_on(pid_t thread) noexcept;

 private:
  const pid_t thread_;
  bool asked_ = false;
  bool stands_ = false;
  int signal_ = 0;  // that it stopped for, when one was on its way to it
};

}  // namespace whorl::detail
