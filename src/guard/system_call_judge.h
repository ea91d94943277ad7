// Whether a system call that is about to be made may wait, by what it is given.
//
// Thread: the one that makes it. Async-signal-safe: it makes system calls, and nothing else.
#pragma once

#include <array>
#include <cstdint>

#include "guard/system_calls.h"

namespace whorl::detail {

struct system_call {
  long number = 0;
  std::array<std::uint64_t, 6> arguments{};
};

enum class wait_reason : std::uint8_t {
  none,        // it cannot wait, or does not with these arguments
  descriptor,  // is not non-blocking
  terminal,    // the same, and a person is at its other end
  file,        // works on a file system
  time,        // has a time to wait, or none that ends
  always,
};

// As a sentence: "the descriptor is not non-blocking".
const char* describe(wait_reason why) noexcept;

wait_reason judge(const known_system_call& known, const system_call& call) noexcept;

}  // namespace whorl::detail
