// What a place calls, for messages.
//
// Thread: any.
#pragma once

#include <string>
#include <typeinfo>

namespace whorl::detail {

struct called_function {
  const void* address = nullptr;         // of a function; null: an object of a class, such as a lambda
  const std::type_info* type = nullptr;  // null: not known

  // "convert (units.cpp:31)". Cost: as guard/call_stack.h's resolve.
  std::string describe() const;
};

// "unit_system::convert(double)::$_0"
std::string name_of_type(const std::type_info& type);

}  // namespace whorl::detail
