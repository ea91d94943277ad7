// The call in a stack that waits, by what is known of functions (facts): the outermost one, which is the one that the
// program made, not what that calls in its turn.
//
// Thread: any. Cost: some look-ups in a table a frame.
#pragma once

#include <whorl/guard/call_stack.h>

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace whorl {

struct blocking_call {
  std::string function;
  std::string waits_for;  // the class of facts::blocking_class: "descriptor", "timed", ...
  std::string instead;    // what to use on a loop
  std::string at;         // where the program calls it, see place_in_program
};

// The innermost frame of the program's own, as far as lines are known: "source.cpp:40". Empty if none is.
std::string place_in_program(std::span<const stack_frame> stack);

// `system_call`, where it is known in which one the thread sleeps, is what syscall(2) was called for.
std::optional<blocking_call> find_blocking_call(std::span<const stack_frame> stack, std::string_view system_call = {});

// The same for a stack of Python: "python:urllib.request.urlopen". A function of C, as time.sleep, has no frame there: it is
// looked for in the line that calls it.
std::optional<blocking_call> find_python_call(std::span<const stack_frame> stack);

}  // namespace whorl
