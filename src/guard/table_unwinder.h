// Follows a stack by the tables that compilers write for exceptions (.eh_frame), which every program of a distribution has,
// where frame pointers would lead nowhere.
//
// Thread: one at a time. Lifetime: the debug information must outlive it, and may have one.
#pragma once

#include <cstdint>
#include <vector>

#include "guard/debug_information.h"
#include "guard/thread_snapshot.h"

namespace whorl::detail {

class table_unwinder {
 public:
  table_unwinder(const debug_information& information, pid_t process);
  table_unwinder(const table_unwinder&) = delete;
  table_unwinder& operator=(const table_unwinder&) = delete;

  // The innermost address runs or sleeps, the others are those that calls return to. Where the frame pointer is not known
  // and a function needs it, it is guessed.
  std::vector<std::uintptr_t> unwind(const thread_snapshot& taken);

 private:
  std::vector<std::uintptr_t> follow(const thread_snapshot& taken);
  bool looks_like_frame(const thread_snapshot& taken, std::size_t word) const;
  bool in_code(std::uintptr_t address) const;

  const debug_information& information_;
  const pid_t process_;
  bool attached_ = false;
  const thread_snapshot* taken_ = nullptr;  // that is being unwound
};

}  // namespace whorl::detail
