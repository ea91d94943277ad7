#include "guard/process_stack.h"

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

}  // namespace whorl::detail
