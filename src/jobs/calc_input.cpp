#include "jobs/calc_input.h"

#include <utility>

namespace whorl {

namespace {

result<csv_source> open_source(may_block& wait, const file_roots& inputs, const value& argument) {
  if (const value* text = argument.find("text")) {
    return csv_source::from_text(text->as_text());
  }
  result<unique_fd> file = inputs.open(wait, argument.find("file")->as_text());
  if (!file) {
    return std::unexpected(file.error());
  }
  return csv_source::from_file(wait, std::move(*file));
}

}  // namespace

result<input_table> open_input(may_block& wait, const file_roots& inputs, const value& argument) {
  result<csv_source> source = open_source(wait, inputs, argument);
  if (!source) {
    return std::unexpected(source.error());
  }
  result<std::optional<csv_block>> first = source->next(wait);
  if (!first) {
    return std::unexpected(first.error());
  }
  result<csv_header> header = csv_header::read(std::move(*first).value_or(csv_block()));
  if (!header) {
    return std::unexpected(header.error());
  }
  return input_table(std::move(*source), std::move(*header));
}

}  // namespace whorl
