// What src/facts/table/write_table.cpp writes when the program is built: the records' text, and every name in it, sorted.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace whorl::facts {

// Offsets into fact_text(). No pointers, so that nothing is done when the program is loaded.
struct name_entry {
  std::uint32_t name;
  std::uint32_t name_length;
  std::uint32_t record;  // the paragraph that it stands in, which names its area too
};

std::string_view fact_text() noexcept;
std::span<const name_entry> fact_names() noexcept;  // sorted by name, byte by byte

}  // namespace whorl::facts
