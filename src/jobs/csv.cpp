#include <whorl/jobs/csv.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <utility>

namespace whorl {

namespace {
constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
constexpr std::size_t longest_quote = 40;
}  // namespace

error csv_splitter::row_too_long() const {
  return {errc::too_large,
          fmt::format("row {} is longer than {} bytes; close the quote that is left open in it or before, "
                      "and end rows with LF or CRLF",
                      next_row_ + rows_, limits_.longest_row_bytes)};
}

// False while too little is there to say whether it begins with one.
bool csv_splitter::skip_byte_order_mark() {
  if (started_) {
    return true;
  }
  if (kept_.starts_with(byte_order_mark)) {
    kept_.erase(0, byte_order_mark.size());
    skipped_bytes_ = byte_order_mark.size();
  } else if (byte_order_mark.starts_with(kept_)) {
    return false;
  }
  started_ = true;
  return true;
}

csv_block csv_splitter::take_rows() {
  csv_block block;
  block.text = std::move(kept_);
  kept_ = block.text.substr(row_end_);
  block.text.resize(row_end_);
  block.first_row = next_row_;
  block.bytes_of_input = row_end_ + std::exchange(skipped_bytes_, 0);
  next_row_ += std::exchange(rows_, 0);
  scanned_ -= std::exchange(row_end_, 0);
  return block;
}

result<std::vector<csv_block>> csv_splitter::feed(std::string_view bytes) {
  std::vector<csv_block> blocks;
  kept_ += bytes;
  if (!skip_byte_order_mark()) {
    return blocks;
  }
  while (scanned_ < kept_.size()) {
    const char character = kept_[scanned_++];
    if (character == '"') {
      in_quotes_ = !in_quotes_;
    } else if (character == '\n' && !in_quotes_) {
      if (scanned_ - row_end_ > limits_.longest_row_bytes) {
        return std::unexpected(row_too_long());
      }
      row_end_ = scanned_;
      ++rows_;
      if (next_row_ == 1) {
        blocks.push_back(take_rows());
      }
    }
  }
  if (scanned_ - row_end_ > limits_.longest_row_bytes) {
    return std::unexpected(row_too_long());
  }
  if (rows_ > 0) {
    blocks.push_back(take_rows());
  }
  return blocks;
}

result<std::vector<csv_block>> csv_splitter::finish() {
  std::vector<csv_block> blocks;
  if (!kept_.empty()) {
    row_end_ = scanned_ = kept_.size();
    ++rows_;
    blocks.push_back(take_rows());
  }
  return blocks;
}

csv_rows::csv_rows(csv_block block, std::size_t columns, csv_limits limits)
    : block_(std::move(block)), limits_(limits), columns_(columns), next_row_(block_.first_row) {}

std::unexpected<error> csv_rows::refuse(std::string_view what, std::string_view hint) const {
  return std::unexpected(
      error(errc::bad_input, fmt::format("row {}, column {}: {}; {}", row_, cells_.size() + 1, what, hint)));
}

bool csv_rows::at_row_end() const noexcept {
  const std::string_view rest = std::string_view(block_.text).substr(position_);
  return rest.empty() || rest.front() == '\n' || rest.starts_with("\r\n") || rest == "\r";
}

bool csv_rows::at_cell_end() const noexcept { return at_row_end() || block_.text[position_] == ','; }

void csv_rows::skip_row_end() noexcept {
  position_ += position_ < block_.text.size() && block_.text[position_] == '\r' ? 1 : 0;
  position_ += position_ < block_.text.size() ? 1 : 0;
}

result<bool> csv_rows::next() {
  while (position_ < block_.text.size()) {
    row_ = next_row_++;
    cells_.clear();
    if (at_row_end() && columns_ != 1) {
      skip_row_end();
      continue;
    }
    if (result<void> read = read_row(); !read) {
      return std::unexpected(read.error());
    }
    return true;
  }
  return false;
}

result<void> csv_rows::read_row() {
  while (true) {
    if (cells_.size() == limits_.most_columns) {
      return refuse(fmt::format("there are more than {} columns", limits_.most_columns), "split the table");
    }
    if (result<void> read = read_cell(); !read) {
      return read;
    }
    if (at_row_end()) {
      break;
    }
    ++position_;
  }
  skip_row_end();
  if (columns_ != 0 && cells_.size() != columns_) {
    return std::unexpected(error(
        errc::bad_input, fmt::format("row {} has {} cells, but the header has {}; quote cells with commas in them, and "
                                     "leave a cell empty where there is nothing",
                                     row_, cells_.size(), columns_)));
  }
  return {};
}

result<void> csv_rows::read_cell() {
  if (position_ < block_.text.size() && block_.text[position_] == '"') {
    return read_quoted_cell();
  }
  const std::string& text = block_.text;
  const std::size_t begin = position_;
  while (position_ < text.size() && text[position_] != ',' && text[position_] != '\n') {
    if (text[position_] == '"') {
      return refuse("a quote stands inside a cell that does not begin with one",
                    "put the whole cell in quotes, and write each quote in it twice");
    }
    if (text[position_] == '\r' && at_row_end()) {
      break;
    }
    ++position_;
  }
  cells_.push_back(std::string_view(block_.text).substr(begin, position_ - begin));
  return {};
}

// Doubled quotes become one in place: the text only gets shorter.
result<void> csv_rows::read_quoted_cell() {
  std::string& text = block_.text;
  const std::size_t begin = ++position_;
  std::size_t end = begin;
  while (position_ < text.size()) {
    const char character = text[position_++];
    if (character == '"') {
      if (position_ == text.size() || text[position_] != '"') {
        if (!at_cell_end()) {
          return refuse("something follows the closing quote", "end the cell there, or write quotes in it twice");
        }
        cells_.push_back(std::string_view(text).substr(begin, end - begin));
        return {};
      }
      ++position_;
    }
    text[end++] = character;
  }
  return refuse("a quote is opened and never closed", "close it");
}

result<csv_header> csv_header::read(csv_block block, csv_limits limits) {
  csv_rows rows(std::move(block), 0, limits);
  const result<bool> read = rows.next();
  if (!read) {
    return std::unexpected(read.error());
  }
  if (!*read) {
    return std::unexpected(
        error(errc::bad_input, "the table begins with an empty line; begin with the names of its columns"));
  }
  csv_header header;
  header.names_.assign(rows.cells().begin(), rows.cells().end());
  return header;
}

result<std::size_t> csv_header::find(std::string_view name) const {
  const auto found = std::ranges::find(names_, name);
  if (found == names_.end()) {
    return std::unexpected(error(errc::bad_input, fmt::format("the table has no column \"{}\"; it has: {:.200}", name,
                                                              fmt::format("{}", fmt::join(names_, ", ")))));
  }
  if (std::ranges::count(names_, name) > 1) {
    return std::unexpected(
        error(errc::bad_input, fmt::format("the table has several columns \"{}\"; give each its own name", name)));
  }
  return static_cast<std::size_t>(found - names_.begin());
}

result<std::optional<double>> parse_number(std::string_view cell, const csv_place& place) {
  const std::size_t first = cell.find_first_not_of(" \t");
  if (first == std::string_view::npos) {
    return std::optional<double>();
  }
  std::string_view digits = cell.substr(first, cell.find_last_not_of(" \t") - first + 1);
  if (digits.starts_with('+') && !digits.starts_with("+-")) {
    digits.remove_prefix(1);
  }
  double number = 0;
  const auto [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (code != std::errc() || end != digits.data() + digits.size() || !std::isfinite(number)) {
    const bool out_of_range = code == std::errc::result_out_of_range;
    return std::unexpected(
        error(errc::bad_input,
              fmt::format("row {}, column \"{}\": \"{}{}\" is {}; {}", place.row, place.column,
                          cell.substr(0, longest_quote), cell.size() > longest_quote ? "..." : "",
                          out_of_range ? "too large or too small a number" : "not a number",
                          out_of_range ? "scale the column"
                                       : "write it with a decimal point, or leave the cell empty if there is none")));
  }
  return std::optional<double>(number);
}

void csv_writer::begin_cell() {
  if (cells_in_row_++ > 0) {
    text_ += ',';
  }
}

void csv_writer::cell(std::string_view text) {
  begin_cell();
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) {
    text_ += text;
    return;
  }
  text_ += '"';
  for (const char character : text) {
    text_.append(character == '"' ? 2 : 1, character);
  }
  text_ += '"';
}

void csv_writer::number(double written) {
  begin_cell();
  std::array<char, 32> digits;
  text_.append(digits.data(), std::to_chars(digits.begin(), digits.end(), written).ptr);
}

void csv_writer::end_row() {
  if (cells_in_row_ == 1 && text_.size() == row_start_) {
    text_ += "\"\"";  // a lone empty cell would be an empty line
  }
  text_ += '\n';
  row_start_ = text_.size();
  cells_in_row_ = 0;
}

std::string csv_writer::take() {
  row_start_ = 0;
  return std::exchange(text_, {});
}

}  // namespace whorl
