// Columns of a table converted from one unit to another, a block of rows at a time: plain functions for worker threads.
#pragma once

#include <whorl/jobs/csv.h>
#include <whorl/jobs/unit_system.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace whorl {

struct column_change {
  std::string column;
  std::string from;
  std::string to;
  std::shared_ptr<const unit_converter> converter = nullptr;
};

// What is done to each column of a table. Thread: read by many at once.
struct conversion_plan {
  csv_header header;
  std::vector<std::optional<column_change>> changes;  // by column; none: it stays as it is
};

// Fails: errc::bad_input if the table lacks a column.
result<std::shared_ptr<const conversion_plan>> make_plan(csv_header header, std::vector<column_change> changes);

struct converted_rows {
  std::string text;
  std::uint64_t rows = 0;
};

converted_rows write_header(const conversion_plan& plan);

// Empty cells stay empty, other columns stay as they are.
// Fails: errc::bad_input for a malformed row, a cell that is no number, or a number that has no counterpart; the
//        message names row and column.
result<converted_rows> convert_rows(csv_block block, const conversion_plan& plan);

}  // namespace whorl
