// Rows are what a statement yields: the names of the columns, the rows, and how many were changed.
//
//     db::rows people = co_await store.query("SELECT id, name FROM people WHERE age > $1", 17);
//     for (const db::row& each : people) greet(each["name"].text());
//
// Thread:   a value like any other; copies of a row share the names of its columns, which never change.
// Lifetime: owns everything; nothing points into a driver's memory.
#pragma once

#include <whorl/db/value.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace whorl::db {

using column_names = std::shared_ptr<const std::vector<std::string>>;

class row {
 public:
  row(column_names columns, std::vector<value> values) noexcept
      : columns_(std::move(columns)), values_(std::move(values)) {}

  std::size_t size() const noexcept { return values_.size(); }

  // Fails: throws errc::bad_input if there is no such column.
  const value& operator[](std::size_t column) const;
  const value& operator[](std::string_view column) const;

 private:
  column_names columns_;
  std::vector<value> values_;
};

struct rows {
  std::vector<row> all;
  std::int64_t changed = 0;  // inserted, updated or deleted

  std::size_t size() const noexcept { return all.size(); }
  bool empty() const noexcept { return all.empty(); }
  const row& operator[](std::size_t index) const;  // Fails: as row's
  auto begin() const noexcept { return all.begin(); }
  auto end() const noexcept { return all.end(); }
};

}  // namespace whorl::db
