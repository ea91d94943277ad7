#include <cxxabi.h>
#include <whorl/guard/call_stack.h>
#include <whorl/places/called_function.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <memory>

namespace whorl::detail {

std::string called_function::describe() const {
  if (address != nullptr) {
    const std::array entry{reinterpret_cast<std::uintptr_t>(address)};
    return whorl::describe(resolve(entry));
  }
  return type == nullptr ? "" : name_of_type(*type);
}

std::string name_of_type(const std::type_info& type) {
  int failed = 0;
  const std::unique_ptr<char, decltype(&std::free)> readable(
      abi::__cxa_demangle(type.name(), nullptr, nullptr, &failed), &std::free);
  return failed == 0 ? readable.get() : type.name();
}

}  // namespace whorl::detail
