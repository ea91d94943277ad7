// A thread of another process at one moment: registers, as far as they are known, and its stack.
#pragma once

#include <sys/types.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "guard/process_memory.h"

namespace whorl::detail {

// By their numbers in DWARF.
struct known_registers {
#if defined(__x86_64__)
  static constexpr std::size_t stack_pointer = 7;
  static constexpr std::size_t frame_pointer = 6;
  static constexpr std::size_t instruction = 16;
#elif defined(__aarch64__)
  static constexpr std::size_t stack_pointer = 31;
  static constexpr std::size_t frame_pointer = 29;
  static constexpr std::size_t instruction = 32;  // has no number there: the first free one
#endif
  static constexpr std::size_t count = std::max(stack_pointer, instruction) + 1;

  std::array<std::optional<std::uint64_t>, count> values{};
};

class thread_snapshot {
 public:
  thread_snapshot(pid_t thread, const known_registers& registers, const process_memory& memory)
      : thread_(thread), registers_(registers), memory_(memory) {
    constexpr std::size_t most_words = 16384;
    base_ = registers.values[known_registers::stack_pointer].value_or(0);
    words_.resize(most_words);
    words_.resize(memory.read(base_, words_.data(), most_words * sizeof(std::uintptr_t)) / sizeof(std::uintptr_t));
  }

  // Of which the thread itself wrote its stack down.
  thread_snapshot(pid_t thread, const known_registers& registers, const process_memory& memory,
                  std::span<const std::uintptr_t> words)
      : thread_(thread),
        registers_(registers),
        memory_(memory),
        base_(registers.values[known_registers::stack_pointer].value_or(0)),
        words_(words.begin(), words.end()) {}

  pid_t thread() const noexcept { return thread_; }
  const known_registers& registers() const noexcept { return registers_; }

  std::uintptr_t stack_pointer() const noexcept { return base_; }
  std::span<const std::uintptr_t> words() const noexcept { return words_; }

  // The same with a register known, or assumed.
  thread_snapshot with(std::size_t number, std::uint64_t value) const {
    thread_snapshot other = *this;
    other.registers_.values.at(number) = value;
    return other;
  }

  // As it is now, such as code; how much was there to read.
  std::size_t read(std::uintptr_t from, void* into, std::size_t bytes) const noexcept {
    return memory_.read(from, into, bytes);
  }

  // Of the stack as it was, of other memory as it is.
  std::optional<std::uintptr_t> word_at(std::uintptr_t address) const noexcept {
    const std::uintptr_t distance = address - base_;
    if (address >= base_ && distance % sizeof(std::uintptr_t) == 0 &&
        distance / sizeof(std::uintptr_t) < words_.size()) {
      return words_[distance / sizeof(std::uintptr_t)];
    }
    return memory_.get<std::uintptr_t>(address);
  }

 private:
  pid_t thread_;
  known_registers registers_;
  process_memory memory_;
  std::uintptr_t base_ = 0;
  std::vector<std::uintptr_t> words_;
};

}  // namespace whorl::detail
