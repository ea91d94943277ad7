// Addresses in this process, as functions, files and lines.
//
// Thread: any; one thread at a time resolves, others wait.
// Cost:   it reads the debug information of what the addresses are in, which takes 50 ms and more: not for a loop.
// Source: dwfl(3) of elfutils; without debug information a function's name is what the symbol table says.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace whorl {

struct stack_frame {
  std::string function{};  // without return type and parameters; empty: not known
  std::string file{};      // empty: there is no debug information
  int line = 0;
  std::uintptr_t address = 0;

  // "convert (units.cpp:31)"
  std::string describe() const;
};

// While one lives, debug information that its thread reads is kept, for that thread: for who resolves many stacks. It takes
// much memory and a descriptor for each library. Code that is loaded meanwhile is known by its symbols only.
//
// Thread: the one that made it.
class kept_debug_information {
 public:
  kept_debug_information();
  kept_debug_information(const kept_debug_information&) = delete;
  kept_debug_information& operator=(const kept_debug_information&) = delete;
  ~kept_debug_information();
};

// The innermost is an address that runs or sleeps now, the others are those that calls return to.
std::vector<stack_frame> resolve(std::span<const std::uintptr_t> stack);

// A frame of a wrapper round a function that waits (guard/waiting_call.h), which has that function's name.
bool is_wrapper(const stack_frame& frame);

// A frame of the standard library, of whorl's own details, or of a wrapper: not what one looks for.
bool lies_between(const stack_frame& frame);

// "convert (units.cpp:31) < main (main.cpp:9)": without what lies between, of the standard library and of whorl's own
// details, as long as something is left.
std::string describe(std::span<const stack_frame> stack);

}  // namespace whorl
