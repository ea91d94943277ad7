#include <whorl/db/rows.h>

#include <whorl/deferred/error.h>

#include <fmt/format.h>

#include <algorithm>

namespace whorl::db {

const value& row::operator[](std::size_t column) const {
  if (column >= values_.size()) {
    throw error(errc::bad_input,
                fmt::format("column {} of a row was asked for, and it has {}, counted from 0", column, values_.size()));
  }
  return values_[column];
}

const value& row::operator[](std::string_view column) const {
  const auto found = std::ranges::find(*columns_, column);
  if (found == columns_->end()) {
    throw error(errc::bad_input,
                fmt::format("a row has no column \"{}\"; its columns are: {}", column, fmt::join(*columns_, ", ")));
  }
  return values_[static_cast<std::size_t>(found - columns_->begin())];
}

const row& rows::operator[](std::size_t index) const {
  if (index >= all.size()) {
    throw error(errc::bad_input,
                fmt::format("row {} was asked for, and the statement yielded {}, counted from 0", index, all.size()));
  }
  return all[index];
}

}  // namespace whorl::db
