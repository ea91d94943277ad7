// What a thread of this process does at this moment, seen from another thread: whether it sleeps, in which system call
// and on what, or computes; and its stack.
//
//     const thread_look seen = look_at(stuck);
//     seen.describe();                  // asleep in read (descriptor 7, pipe:[81526])
//     describe(resolve(seen.stack));    // read < fill (source.cpp:40) < next_row (source.cpp:61) < ...
//
// A thread that sleeps is not touched: the kernel tells its system call, and its stack is read where it lies, so that no
// call of it ends early. One that computes gets a signal, SIGRTMAX - 3, whose handler copies its registers and its stack
// and allocates nothing; system calls that it is about to make are restarted (SA_RESTART), all but those that
// signal(7) names as never restarted, which may then return EINTR.
//
// Stacks are followed by the tables that compilers write for exceptions, so that it does not matter how a program and the
// libraries it uses were built. That needs libdw of elfutils; without it the innermost function is all that is seen.
//
// A loop's object that is touched on a wrong thread tells both stacks with the help of this.
//
// Thread: any but the one that is looked at.
// Fails:  what cannot be seen is left empty. A thread that blocks the signal shows no stack while it computes.
// Source: proc(5): /proc/self/task/TID/{stat,syscall,wchan}, /proc/self/fd; process_vm_readv(2).
#pragma once

#include <whorl/guard/call_stack.h>

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace whorl {

struct thread_look {
  bool asleep = false;
  std::string call;  // the system call it sleeps in
  std::string on;    // what it waits for there: a descriptor, a lock, a time
  std::vector<std::uintptr_t> stack;

  // "asleep in read (descriptor 7, pipe:[81526])"
  std::string describe() const;
};

// The kernel's number of the calling thread.
pid_t this_thread_number() noexcept;

// Whether it sleeps in the kernel.
bool asleep(pid_t thread);

thread_look look_at(pid_t thread);

// "descriptor 7, pipe:[81526]"
std::string describe_descriptor(int number);

}  // namespace whorl
