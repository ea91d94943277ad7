// What is mapped into a process, with its debug information: addresses as functions, files and lines.
//
// Thread: one at a time. Cost: some 50 ms, descriptors and much memory while it lives.
#pragma once

#include <sys/types.h>
#include <whorl/guard/call_stack.h>

#include <cstdint>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "guard/dw_library.h"

namespace whorl::detail {

class debug_information {
 public:
  explicit debug_information(pid_t process);
  debug_information(const debug_information&) = delete;
  debug_information& operator=(const debug_information&) = delete;
  ~debug_information();

  // Looks at what is mapped now; what was found before stays.
  void refresh();

  // The innermost is an address that runs or sleeps, the others are those that calls return to. A function that the compiler
  // put into another one has a frame of its own, with the other one's address.
  std::vector<stack_frame> describe(std::span<const std::uintptr_t> stack) const;

  // The file that is mapped there; null: none is.
  const char* file_at(std::uintptr_t address) const;

  // Where a variable or function is that dynamic linking shows, in a file with this in its name; 0: nowhere.
  std::uintptr_t address_of(const char* symbol, const char* file) const;

  // Null where there is no libdw.
  Dwfl* session() const noexcept { return session_; }

 private:
  std::vector<stack_frame> describe(std::uintptr_t inside) const;
  std::vector<stack_frame> with_inlined(Dwfl_Module& module, std::uintptr_t inside, stack_frame outermost) const;
  std::vector<Dwarf_Die> scopes_of(Dwarf_Die& unit, Dwarf_Addr address) const;
  std::string name_of(Dwarf_Die& function) const;
  void move_to_call(Dwarf_Die& unit, Dwarf_Die& function, stack_frame& into) const;

  mutable std::unordered_map<std::uintptr_t, std::vector<stack_frame>>
      described_;  // stacks have most of their frames in common

  const pid_t process_;
  const dw_library& library_;
  Dwfl_Callbacks callbacks_{};
  Dwfl* session_ = nullptr;
};

}  // namespace whorl::detail
