// Follows a stack by the tables that compilers write for exceptions (.eh_frame), which every program of a distribution has,
// where frame pointers would lead nowhere.
//
// Thread: one at a time. Lifetime: the debug information must outlive it, and may have one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "guard/debug_information.h"
#include "guard/thread_snapshot.h"

namespace whorl::detail {

class table_unwinder {
 public:
  table_unwinder(const debug_information& information, pid_t process);
  table_unwinder(const table_unwinder&) = delete;
  table_unwinder& operator=(const table_unwinder&) = delete;

  // The innermost address runs or sleeps, the others are those that calls return to. Of a thread that sleeps the frame
  // pointer is not known: where a function needs it, it follows from how far the function moved the stack pointer when it
  // began, or else is guessed.
  std::vector<std::uintptr_t> unwind(const thread_snapshot& taken);

 private:
  struct walk {
    std::vector<std::uintptr_t> addresses;
    std::uintptr_t stack_pointer = 0;  // of the last
  };

  static int add_frame(Dwfl_Frame* frame, void* into);
  walk follow(const thread_snapshot& taken);
  std::vector<std::uintptr_t> frame_pointers(const thread_snapshot& taken, const walk& stopped) const;
  std::optional<std::uintptr_t> frame_size(const thread_snapshot& taken, std::uintptr_t address) const;
  bool leads_to_a_frame(const thread_snapshot& taken, std::size_t word) const;
  bool follows_a_call(const thread_snapshot& taken, std::uintptr_t address) const;
  bool in_code(std::uintptr_t address) const;

  const debug_information& information_;
  const pid_t process_;
  bool attached_ = false;
  const thread_snapshot* taken_ = nullptr;  // that is being unwound
};

}  // namespace whorl::detail
