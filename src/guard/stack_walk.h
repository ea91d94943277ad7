// The return addresses on another thread's stack.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <vector>

namespace whorl::detail {

// Of a thread that sleeps in the kernel, which was entered at `instruction` with this stack pointer.
std::vector<std::uintptr_t> stack_of_sleeping(std::uintptr_t stack_pointer, std::uintptr_t instruction);

// Of one that runs: it is interrupted by a signal. Empty when it does not answer in time.
std::vector<std::uintptr_t> stack_of_running(pid_t thread);

// Of the calling thread, from a frame of its own outwards: the first address is the instruction that called what returns
// to `returns_to`, where the frame follows.
std::vector<std::uintptr_t> stack_from(const void* frame, const void* returns_to);

}  // namespace whorl::detail
