#include "jobs/table_conversion.h"

#include <fmt/format.h>

#include <cmath>
#include <utility>

namespace whorl {

namespace {

result<void> convert_cell(std::string_view cell, const column_change& change, std::uint64_t row, csv_writer& out) {
  const result<std::optional<double>> number = parse_number(cell, {.row = row, .column = change.column});
  if (!number) {
    return std::unexpected(number.error());
  }
  if (!*number) {
    out.cell("");
    return {};
  }
  const double converted = change.converter->convert(**number);
  if (!std::isfinite(converted)) {
    return std::unexpected(error(
        errc::bad_input, fmt::format("row {}, column \"{}\": {} {} has no counterpart in {}; leave the cell empty", row,
                                     change.column, **number, change.from, change.to)));
  }
  out.number(converted);
  return {};
}

}  // namespace

result<std::shared_ptr<const conversion_plan>> make_plan(csv_header header, std::vector<column_change> changes) {
  auto plan = std::make_shared<conversion_plan>();
  plan->changes.resize(header.size());
  for (column_change& change : changes) {
    const result<std::size_t> column = header.find(change.column);
    if (!column) {
      return std::unexpected(column.error());
    }
    plan->changes[*column] = std::move(change);
  }
  plan->header = std::move(header);
  return plan;
}

converted_rows write_header(const conversion_plan& plan) {
  csv_writer out;
  for (const std::string& name : plan.header.names()) {
    out.cell(name);
  }
  out.end_row();
  return {.text = out.take()};
}

result<converted_rows> convert_rows(csv_block block, const conversion_plan& plan) {
  csv_rows in(std::move(block), plan.header.size());
  csv_writer out;
  converted_rows converted;
  while (true) {
    const result<bool> more = in.next();
    if (!more) {
      return std::unexpected(more.error());
    }
    if (!*more) {
      break;
    }
    for (std::size_t column = 0; column < plan.changes.size(); ++column) {
      const std::string_view cell = in.cells()[column];
      if (!plan.changes[column]) {
        out.cell(cell);
      } else if (result<void> done = convert_cell(cell, *plan.changes[column], in.row(), out); !done) {
        return std::unexpected(done.error());
      }
    }
    out.end_row();
    ++converted.rows;
  }
  converted.text = out.take();
  return converted;
}

}  // namespace whorl
