// How a name is written by those who ask for it: as in source text, in a stack trace, by the linker, or without the
// namespace or module that the records spell out.
//
// Thread:   any.
#pragma once

#include <string>
#include <string_view>

namespace whorl::facts {

// "strtok" of "strtok()" and "strtok(3)"
std::string_view without_arguments(std::string_view name);

// "std::filesystem::current_path" of its mangled name; without templates' arguments, versions of symbols and inline
// namespaces.
std::string plain_name(std::string_view name);

}  // namespace whorl::facts
