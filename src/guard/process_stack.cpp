#include "guard/process_stack.h"

#include <unistd.h>

#include <string_view>

namespace whorl::detail {

// A wrapper stands in front of the function that the program called, which may be another one's name: waitpid calls wait4.
std::vector<stack_frame> process_stack::resolve(const thread_snapshot& taken) {
  information_.refresh();
  std::vector<stack_frame> frames = information_.describe(unwinder_.unwind(taken));
  std::string inner;
  std::erase_if(frames, [&](const stack_frame& each) {
    const char* file = information_.file_at(each.address);
    const bool preloaded = file != nullptr && std::string_view(file).ends_with("/libwhorl_guard.so");
    const bool tells_nothing = each.function.empty() || each.function.contains(':') || inner.ends_with(each.function);
    inner = each.function;
    return preloaded && tells_nothing;
  });
  return frames;
}

std::vector<std::uintptr_t> unwind(const thread_snapshot& taken) {
  const debug_information mapped(::getpid());
  std::vector<std::uintptr_t> addresses = table_unwinder(mapped, ::getpid()).unwind(taken);
  const auto instruction = taken.registers().values[known_registers::instruction];
  if (addresses.empty() && instruction) {
    addresses.push_back(*instruction);
  }
  return addresses;
}

}  // namespace whorl::detail
