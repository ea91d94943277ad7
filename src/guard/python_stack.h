// What the threads of a CPython process do in Python: function, file and line, read out of its memory from outside, without
// the interpreter's help and without its lock.
//
// Thread: any. Fails: what cannot be read, or makes no sense, ends the stack there; other versions than 3.11 and 3.12 are
//         not known, and show nothing.
// Source: CPython, Include/internal/pycore_runtime.h, pycore_interp.h, pycore_frame.h, Include/cpython/code.h, pystate.h;
//         Objects/locations.md for the table of lines.
#pragma once

#include <sys/types.h>
#include <whorl/guard/call_stack.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "guard/debug_information.h"
#include "guard/process_memory.h"

namespace whorl::detail {

struct python_layout;

class python_stack {
 public:
  // None: the process is no CPython that is known.
  static std::optional<python_stack> of(const process_memory& memory, const debug_information& information);

  // The innermost first; empty: the thread is in no Python code.
  std::vector<stack_frame> of_thread(pid_t thread) const;

 private:
  python_stack(const process_memory& memory, const python_layout& layout, std::uintptr_t runtime)
      : memory_(memory), layout_(&layout), runtime_(runtime) {}

  std::uintptr_t word_at(std::uintptr_t address) const;  // 0: cannot be read
  std::uintptr_t state_of(pid_t thread) const;
  stack_frame describe(std::uintptr_t code, std::uintptr_t instruction) const;
  std::string text_at(std::uintptr_t unicode) const;
  std::vector<std::uint8_t> bytes_at(std::uintptr_t bytes) const;

  process_memory memory_;
  const python_layout* layout_;
  std::uintptr_t runtime_;  // the variable _PyRuntime
};

}  // namespace whorl::detail
