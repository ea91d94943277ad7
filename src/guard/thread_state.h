// What a thread does, by proc(5): whether it sleeps, in which system call, on what, and where its stack and its code are;
// and how long it had to wait for a processor.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <string>

namespace whorl::detail {

struct thread_moment {
  bool exists = false;
  bool asleep = false;
  std::string call;                  // the system call it sleeps in; empty: none
  std::string on;                    // what it waits for
  std::uintptr_t stack_pointer = 0;  // of one that sleeps
  std::uintptr_t instruction = 0;

  // "asleep in read (descriptor 7, pipe:[81526])"
  std::string describe() const;
};

thread_moment state_of(pid_t process, pid_t thread);

// How long a thread of this process has been ready to run since it began, and was not; zero where the kernel does not
// count that.
std::chrono::nanoseconds time_without_processor(pid_t thread);

}  // namespace whorl::detail
