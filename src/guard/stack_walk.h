// The return addresses on another thread's stack.
#pragma once

#include <sys/types.h>
#include <ucontext.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace whorl::detail {

// Copies memory of this process, also such that may be gone; false: it is. Async-signal-safe.
bool copy_memory(const void* from, void* into, std::size_t bytes) noexcept;

// A stack as a signal handler can write it down.
struct raw_stack {
  static constexpr std::size_t most_frames = 64;
  struct frame {
    std::uintptr_t at;
    std::uintptr_t returns_to;
  };

  std::uintptr_t instruction = 0;
  std::uintptr_t stack_pointer = 0;
  std::size_t count = 0;
  std::array<frame, most_frames> frames{};
  std::size_t word_count = 0;
  std::array<std::uintptr_t, 512> words{};  // from the stack pointer outwards
};

// That of the code that a signal has interrupted. Async-signal-safe.
void write_down(raw_stack& into, const ucontext_t& interrupted) noexcept;

std::vector<std::uintptr_t> addresses(const raw_stack& stack);

// Of a thread that sleeps in the kernel, which was entered at `instruction` with this stack pointer.
std::vector<std::uintptr_t> stack_of_sleeping(std::uintptr_t stack_pointer, std::uintptr_t instruction);

// Of one that runs: it is interrupted by a signal. Empty when it does not answer in time.
std::vector<std::uintptr_t> stack_of_running(pid_t thread);

// Of the calling thread, from a frame of its own outwards: the first address is the instruction that called what returns
// to `returns_to`, where the frame follows.
std::vector<std::uintptr_t> stack_from(const void* frame, const void* returns_to);

}  // namespace whorl::detail
