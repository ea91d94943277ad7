// What src/facts/table/write_table.cpp writes when the program is built: the records' text, and every name in it, sorted.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace whorl::facts {

// Offsets into fact_text(), but for lower and last. No pointers, so that nothing is done when the program is loaded.
struct name_entry {
  std::uint32_t name;
  std::uint32_t name_length;
  std::uint32_t record;  // the paragraph that it stands in, which names its area too
  std::uint32_t lower;   // where it begins in lower_names()
  std::uint32_t last;    // where its last part begins in it: "gauss" of "python:random.gauss"
};

std::string_view fact_text() noexcept;
std::string_view lower_names() noexcept;            // the names in lower case, so that a search need not change 15,000
std::span<const name_entry> fact_names() noexcept;  // sorted by name, byte by byte

}  // namespace whorl::facts
