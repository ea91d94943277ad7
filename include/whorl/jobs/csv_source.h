// A csv_source reads a table from a file or from a text, in blocks, so that a table of any size fits in bounded memory.
//
// Thread:   one at a time; may be moved to another thread between two calls.
// Fails:    the kernel's errors with their errno, and as csv.h.
#pragma once

#include <whorl/jobs/csv.h>
#include <whorl/places/may_block.h>
#include <whorl/reactor/unique_fd.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>

namespace whorl {

class csv_source {
 public:
  static constexpr std::size_t chunk_bytes = 256UL * 1024;

  static result<csv_source> from_file(may_block& wait, unique_fd file);
  static csv_source from_text(std::string text);

  // Of the whole input, as it was when it was opened.
  std::uint64_t size_bytes() const noexcept { return size_bytes_; }

  // The next block, the header first and alone; nothing at the end.
  result<std::optional<csv_block>> next(may_block& wait);

 private:
  csv_source() = default;
  result<std::string> read_chunk(may_block& wait);

  unique_fd file_;  // or else:
  std::string text_;
  std::size_t text_read_ = 0;
  std::uint64_t size_bytes_ = 0;
  csv_splitter splitter_;
  std::deque<csv_block> ready_;
  bool ended_ = false;
};

}  // namespace whorl
