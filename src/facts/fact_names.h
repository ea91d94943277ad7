// The words that files of facts use for classes and grades, in the order of their enumerations.
#pragma once

#include <array>
#include <string_view>

namespace whorl::facts {

inline constexpr std::array<std::string_view, 13> blocking_names = {
    "unknown", "never", "cpu",      "alloc",   "lock", "file", "descriptor",
    "timed",   "wait",  "resolver", "process", "tty",  "loop"};
inline constexpr std::array<std::string_view, 6> thread_names = {"unknown",  "atomic",     "shared",
                                                                 "distinct", "compatible", "incompatible"};
inline constexpr std::array<std::string_view, 4> grade_names = {"guessed", "documented", "inferred", "demonstrated"};

}  // namespace whorl::facts
