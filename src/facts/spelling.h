// How a name is written by those who ask for it: as in source text, in a stack trace, by the linker, or without the
// namespace or module that the records spell out.
//
// Thread:   any.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace whorl::facts {

// "strtok" of "strtok()" and "strtok(3)"
std::string_view without_arguments(std::string_view name);

// "std::filesystem::current_path" of its mangled name; without templates' arguments, versions of symbols and inline
// namespaces.
std::string plain_name(std::string_view name);

// What a symbol may be called where it is documented, from the symbol itself inwards: "open" is the last one of
// "__GI___open64_nocancel@@GLIBC_2.2.5", "read" of "__read_chk". Not each of them is a function.
std::vector<std::string> c_spellings(std::string_view symbol);

// Of a function for numbers of another type the plain ones: "sin" and "sind" of "sinf128", "strto" and "strtod" of
// "strtof64". A name of a program's own may look like that too.
std::vector<std::string> float_spellings(std::string_view name);

}  // namespace whorl::facts
