// Tables as comma-separated values, RFC 4180, without I/O: bytes in, blocks of whole rows out; a block in, cells out;
// cells in, bytes out. Quoted cells with commas, quotes and line ends in them, CRLF and LF, a missing last line end and
// a byte order mark in front are all understood. A block needs nothing but itself, so that blocks can be worked on in
// several threads at once. Memory is bounded by the size of a block and of the longest row.
//
// Rows are counted from 1, which is the header, as spreadsheets do.
//
// Thread:   one at a time.
// Source:   RFC 4180. Rows end with LF when written. Nothing but numbers is looked at inside a cell.
#pragma once

#include <whorl/deferred/error.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace whorl {

struct csv_limits {
  std::size_t longest_row_bytes = 1 << 20;
  std::size_t most_columns = 4096;
};

// Some whole rows of a table.
struct csv_block {
  std::string text;
  std::uint64_t first_row = 1;
  std::uint64_t bytes_of_input = 0;  // how much of the input it stands for
};

// Cuts a stream of bytes into blocks of whole rows; the header is a block of its own.
class csv_splitter {
 public:
  explicit csv_splitter(csv_limits limits = csv_limits()) : limits_(limits) {}

  // The rows that are complete with these bytes; the rest is kept for later.
  // Fails: errc::too_large if a row is longer than the limit: usually a quote that is never closed.
  result<std::vector<csv_block>> feed(std::string_view bytes);

  // The last rows, with a line end or without.
  result<std::vector<csv_block>> finish();

 private:
  bool skip_byte_order_mark();
  csv_block take_rows();
  error row_too_long() const;

  csv_limits limits_;
  std::string kept_;
  std::size_t scanned_ = 0;  // bytes of kept_
  std::size_t row_end_ = 0;  // in kept_: behind the last complete row
  std::uint64_t rows_ = 0;   // complete ones in kept_
  std::uint64_t next_row_ = 1;
  std::uint64_t skipped_bytes_ = 0;
  bool in_quotes_ = false;
  bool started_ = false;
};

// Reads the rows of a block.
class csv_rows {
 public:
  // `columns` is how many cells each row must have; 0 for a block whose first row decides (the header).
  csv_rows(csv_block block, std::size_t columns, csv_limits limits = csv_limits());
  csv_rows(csv_rows&&) = delete;  // cells look into the block

  // The next row's cells, good until the next call; false at the end. Empty lines are skipped, except in a table of one
  // column, where they are an empty cell.
  // Fails: errc::bad_input; the message names row and column, what is wrong and what to do.
  result<bool> next();
  const std::vector<std::string_view>& cells() const noexcept { return cells_; }
  std::uint64_t row() const noexcept { return row_; }

 private:
  result<void> read_row();
  result<void> read_cell();
  result<void> read_quoted_cell();
  bool at_row_end() const noexcept;
  bool at_cell_end() const noexcept;
  void skip_row_end() noexcept;
  std::unexpected<error> refuse(std::string_view what, std::string_view hint) const;

  csv_block block_;
  csv_limits limits_;
  std::size_t columns_;
  std::size_t position_ = 0;
  std::uint64_t row_ = 0;
  std::uint64_t next_row_;
  std::vector<std::string_view> cells_;
};

// The columns of a table by name.
class csv_header {
 public:
  static result<csv_header> read(csv_block block, csv_limits limits = csv_limits());

  std::size_t size() const noexcept { return names_.size(); }
  const std::vector<std::string>& names() const noexcept { return names_; }

  // Fails: errc::bad_input if no column or several have this name; the message lists the names there are.
  result<std::size_t> find(std::string_view name) const;

 private:
  std::vector<std::string> names_;
};

struct csv_place {
  std::uint64_t row;
  std::string_view column;
};

// A cell as a finite number; nothing for an empty cell. Spaces around it and a sign are allowed; the decimal sign is
// the point, whatever the locale.
// Fails: errc::bad_input, with row and column in the message.
result<std::optional<double>> parse_number(std::string_view cell, const csv_place& place);

// Appends rows to a text. Numbers are written with as few digits as read back to the same bits.
class csv_writer {
 public:
  void cell(std::string_view text);
  void number(double written);
  void end_row();
  std::string take();
  const std::string& text() const noexcept { return text_; }

 private:
  void begin_cell();

  std::string text_;
  std::size_t row_start_ = 0;
  std::size_t cells_in_row_ = 0;
};

}  // namespace whorl
