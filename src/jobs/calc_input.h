// The table that a calculation was given as its argument: {"file": name} or {"text": comma-separated values}.
#pragma once

#include <whorl/jobs/csv_source.h>
#include <whorl/jobs/file_roots.h>
#include <whorl/jobs/value.h>

namespace whorl {

struct input_table {
  csv_source source;  // behind the header
  csv_header header;
};

// Fails: as file_roots::open and csv_header::read.
result<input_table> open_input(may_block& wait, const file_roots& inputs, const value& argument);

}  // namespace whorl
