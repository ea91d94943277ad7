#include "guard/process_stack.h"

#include <unistd.h>

#include <string_view>

namespace whorl::detail {

std::vector<stack_frame> process_stack::resolve(const thread_snapshot& taken) {
  information_.refresh();
  std::vector<std::uintptr_t> addresses = unwinder_.unwind(taken);
  std::erase_if(addresses, [&](std::uintptr_t each) {
    const char* file = information_.file_at(each);
    return file != nullptr && std::string_view(file).ends_with("/libwhorl_guard.so");
  });
  return information_.describe(addresses);
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
