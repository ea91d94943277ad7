// Copies of the stacks of this process' threads, made while they go on, sleep or are interrupted; table_unwinder.h follows
// them afterwards.
//
// Memory is read through the kernel, which refuses what is not mapped: a stack may be anything while its thread goes on.
#pragma once

#include <sys/types.h>
#include <ucontext.h>
#include <whorl/guard/waiting_call.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "guard/thread_snapshot.h"

namespace whorl::detail {

// Copies memory of this process, also such that may be gone; false: it is. Async-signal-safe.
bool copy_memory(const void* from, void* into, std::size_t bytes) noexcept;

// The addresses that calls return to, innermost first, as far as frame pointers lead: quick, and enough to tell callers
// apart. Async-signal-safe.
struct frame_chain {
  frame_chain() = default;
  explicit frame_chain(std::uintptr_t frame) noexcept;
  bool operator==(const frame_chain& other) const noexcept = default;

  std::array<std::uintptr_t, 64> addresses{};
  std::size_t count = 0;
};

// A stack as a signal handler can write it down.
struct stack_copy {
  std::uint64_t at(std::size_t number) const noexcept { return registers.at(number); }

  std::array<std::uint64_t, known_registers::count> registers{};
  std::size_t word_count = 0;
  std::array<std::uintptr_t, 4096> words;  // from the stack pointer outwards

  thread_snapshot snapshot() const;
};

// That of the code that a signal has interrupted. Async-signal-safe.
void copy_stack(stack_copy& into, const ucontext_t& interrupted) noexcept;

// Of a thread that sleeps in the kernel, which was entered at `instruction` with this stack pointer.
thread_snapshot stack_of_sleeping(std::uintptr_t stack_pointer, std::uintptr_t instruction);

// Of one that runs: it is interrupted by a signal. None when it does not answer in time.
std::optional<thread_snapshot> stack_of_running(pid_t thread);

// Of a thread that is in a wrapper: from the function that called it outwards.
thread_snapshot stack_of_caller(const call_site& at);

// What the call returns to, and so on, as a frame_chain has it.
std::vector<std::uintptr_t> frames_of_caller(const call_site& at);

}  // namespace whorl::detail
