// units.convert_table: columns of a table from one unit to another. The lane builds the converters, which is where
// UDUNITS-2 is not thread-safe; the pool applies them, which is where the work is. The table flows through in blocks of
// whole rows: a few are underway at a time, and they are written in their order.
#include <fmt/format.h>
#include <whorl/jobs/calcs.h>
#include <whorl/jobs/explanation.h>
#include <whorl/jobs/table_file.h>
#include <whorl/places/defer_to.h>

#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "jobs/calc_input.h"
#include "jobs/table_conversion.h"

namespace whorl {

namespace {

std::vector<column_change> changes_of(const value& columns) {
  std::vector<column_change> changes;
  for (const value::member& column : columns.as_object()) {
    changes.push_back({.column = column.name,
                       .from = column.content.find("from")->as_text(),
                       .to = column.content.find("to")->as_text()});
  }
  return changes;
}

// In the lane:

struct built_converters {
  std::vector<column_change> changes;
  call_time time;
};

result<built_converters> build_converters(unit_system& units, std::vector<column_change> changes) {
  const call_clock clock;
  for (column_change& change : changes) {
    auto converter = units.make_converter(change.from, change.to);
    if (!converter) {
      return std::unexpected(error(converter.error().code(),
                                   fmt::format("column \"{}\": {}", change.column, converter.error().message())));
    }
    change.converter = std::move(*converter);
  }
  return built_converters{.changes = std::move(changes), .time = clock.stop()};
}

// In the pool:

struct opened_tables {
  csv_source from;
  table_file to;
  std::shared_ptr<const conversion_plan> plan;
  call_time time;
};

result<opened_tables> open_tables(may_block& wait, std::shared_ptr<const file_roots> inputs, const value& input,
                                  std::vector<column_change> changes, std::filesystem::path output) {
  const call_clock clock;
  result<input_table> table = open_input(wait, *inputs, input);
  if (!table) {
    return std::unexpected(table.error());
  }
  auto plan = make_plan(std::move(table->header), std::move(changes));
  if (!plan) {
    return std::unexpected(plan.error());
  }
  result<table_file> file = table_file::create(wait, std::move(output));
  if (!file) {
    return std::unexpected(file.error());
  }
  if (result<void> written = file->write(wait, write_header(**plan).text); !written) {
    return std::unexpected(written.error());
  }
  return opened_tables{
      .from = std::move(table->source), .to = std::move(*file), .plan = std::move(*plan), .time = clock.stop()};
}

struct read_block {
  csv_source from;
  std::optional<csv_block> block;
  call_time time;
};

result<read_block> read_next(may_block& wait, csv_source from) {
  const call_clock clock;
  result<std::optional<csv_block>> block = from.next(wait);
  if (!block) {
    return std::unexpected(block.error());
  }
  return read_block{.from = std::move(from), .block = std::move(*block), .time = clock.stop()};
}

struct converted_block {
  converted_rows converted;
  std::uint64_t bytes_of_input = 0;
  call_time time;
};

result<converted_block> convert_block(csv_block block, std::shared_ptr<const conversion_plan> plan) {
  const call_clock clock;
  const std::uint64_t bytes = block.bytes_of_input;
  result<converted_rows> converted = convert_rows(std::move(block), *plan);
  if (!converted) {
    return std::unexpected(converted.error());
  }
  return converted_block{.converted = std::move(*converted), .bytes_of_input = bytes, .time = clock.stop()};
}

struct written_block {
  table_file to;
  call_time time;
};

result<written_block> write_next(may_block& wait, table_file to, const std::string& text) {
  const call_clock clock;
  if (result<void> written = to.write(wait, text); !written) {
    return std::unexpected(written.error());
  }
  return written_block{.to = std::move(to), .time = clock.stop()};
}

result<call_time> finish_table(may_block& wait, table_file to) {
  const call_clock clock;
  if (result<void> finished = to.finish(wait); !finished) {
    return std::unexpected(finished.error());
  }
  return clock.stop();
}

// On the loop:

value answer_of(const value& arguments, std::uint64_t rows) {
  return value().set("rows", rows).set("columns", *arguments.find("columns"));
}

deferred<calc_result> run(calc_run run) {
  part_list parts;
  thread_pool& pool = run.places.pool;
  auto built = co_await defer_to(run.places.units, build_converters, changes_of(*run.arguments.find("columns")));
  parts.add("build converters", place_kind::lane, std::move(built.time));
  auto tables = co_await defer_to(pool, open_tables, run.places.inputs, *run.arguments.find("input"),
                                  std::move(built.changes), run.table);
  parts.add("open", place_kind::pool, std::move(tables.time));
  run.progress.set_total(tables.from.size_bytes());

  const std::size_t most_underway = run.places.pool_threads + 1;
  std::deque<deferred<converted_block>> underway;
  std::uint64_t rows = 0;
  bool all_read = false;
  while (!all_read || !underway.empty()) {
    while (!all_read && underway.size() < most_underway) {
      auto read = co_await defer_to(pool, read_next, std::move(tables.from));
      parts.add("read", place_kind::pool, std::move(read.time));
      tables.from = std::move(read.from);
      all_read = !read.block;
      if (read.block) {
        underway.push_back(defer_to(pool, convert_block, *std::move(read.block), tables.plan));
      }
    }
    if (!underway.empty()) {
      deferred<converted_block> first = std::move(underway.front());
      underway.pop_front();
      auto block = co_await std::move(first);
      parts.add("convert", place_kind::pool, std::move(block.time));
      auto written = co_await defer_to(pool, write_next, std::move(tables.to), std::move(block.converted.text));
      parts.add("write", place_kind::pool, std::move(written.time));
      tables.to = std::move(written.to);
      rows += block.converted.rows;
      run.progress.add_rows(block.converted.rows);
      run.progress.advance(block.bytes_of_input);
    }
  }
  auto finished = co_await defer_to(pool, finish_table, std::move(tables.to));
  parts.add("put on the disk", place_kind::pool, std::move(finished));

  calc_result done;
  done.answer = answer_of(run.arguments, rows);
  done.table = run.table;
  done.parts = std::move(parts).take();
  co_return done;
}

std::optional<objection> check_column(const value::member& column) {
  const std::string where = "args.columns." + column.name;
  if (!column.content.is(value::kind::object) || column.content.as_object().size() != 2) {
    return objection{.what = fmt::format("column \"{}\" does not say from which unit to which", column.name),
                     .where = where,
                     .hint = R"(give {"from": unit, "to": unit})"};
  }
  for (const char* end : {"from", "to"}) {
    const value* unit = column.content.find(end);
    if (unit == nullptr || !unit->is(value::kind::text)) {
      return objection{.what = fmt::format("column \"{}\" has no unit \"{}\"", column.name, end),
                       .where = where,
                       .hint = R"(give {"from": unit, "to": unit}, each a text)"};
    }
    if (const result<void> sound = check_unit_text(unit->as_text()); !sound) {
      return objection::from(sound.error(), where + "." + end);
    }
  }
  return std::nullopt;
}

std::optional<objection> check_columns(const value& arguments) {
  const value::object& columns = arguments.find("columns")->as_object();
  if (columns.empty()) {
    return objection{.what = "there is no column to convert",
                     .where = "args.columns",
                     .hint = R"(name one at least: {"temp_max": {"from": "degC", "to": "degF"}})"};
  }
  for (const value::member& column : columns) {
    if (std::optional<objection> wrong = check_column(column)) {
      return wrong;
    }
  }
  return std::nullopt;
}

}  // namespace

calc units_convert_table() {
  return {
      .name = "units.convert_table",
      .summary = "Converts columns of a table from one unit of measurement to another",
      .places = {{.place = place_kind::lane,
                  .reason =
                      "a converter for each column: " + reason_from_facts("ut_get_converter", facts::place::lane)},
                 {.place = place_kind::pool,
                  .reason = "reading, converting and writing, which wait and take long: " +
                            reason_from_facts("cv_convert_double", facts::place::pool)}},
      .parameters = {{.name = "input", .kind = parameter_kind::table, .summary = "the table, with a header"},
                     {.name = "columns",
                      .kind = parameter_kind::object,
                      .summary = R"(for each column to convert: {"from": its unit, "to": the unit that is wanted})"}},
      .check_further = &check_columns,
      .run = &run};
}

}  // namespace whorl
