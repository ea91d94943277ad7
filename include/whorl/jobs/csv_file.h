// Tables in files, read and written in chunks, so that a table of any size fits in bounded memory.
//
// Thread:   one at a time; what is made in one thread may be moved to another.
// Fails:    errors of the kernel with their errno, naming the file; and as csv.h.
#pragma once

#include <whorl/jobs/csv.h>
#include <whorl/places/may_block.h>
#include <whorl/reactor/unique_fd.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace whorl {

// The directories that input files may lie in; whoever names a file outside of them is refused.
class file_roots {
 public:
  file_roots() = default;  // none: every file is refused
  // Fails: throws error if one is not a directory.
  file_roots(may_block& wait, const std::vector<std::filesystem::path>& directories);

  // Opens a regular file to read. A relative name is looked for below each root in turn. Links are followed first and
  // judged by where they lead; the file that is opened is the file that was judged.
  // Fails: errc::bad_input for a name outside of the roots, errc::not_found.
  result<unique_fd> open(may_block& wait, const std::filesystem::path& name) const;

 private:
  std::vector<std::filesystem::path> roots_;
};

// Reads blocks of rows from a file or from a text.
class csv_source {
 public:
  static constexpr std::size_t chunk_bytes = 256 * 1024;

  static result<csv_source> from_file(may_block& wait, unique_fd file);
  explicit csv_source(std::string text);

  std::uint64_t size_bytes() const noexcept { return size_bytes_; }

  // The next block, the header first and alone; nothing at the end.
  result<std::optional<csv_block>> next(may_block& wait);

 private:
  explicit csv_source(unique_fd file, std::uint64_t size) : file_(std::move(file)), size_bytes_(size) {}
  result<std::string> read_chunk(may_block& wait);

  unique_fd file_;
  std::string text_;
  std::size_t text_read_ = 0;
  std::uint64_t size_bytes_ = 0;
  csv_splitter splitter_;
  std::deque<csv_block> ready_;
  bool ended_ = false;
};

// Writes a file that is there whole or not at all: under another name until finish(), removed if that never comes.
class result_file {
 public:
  static result<result_file> create(may_block& wait, const std::filesystem::path& name);
  result_file(result_file&& other) noexcept;
  result_file& operator=(result_file&& other) noexcept;
  ~result_file();

  result<void> write(may_block& wait, std::string_view bytes);

  // Puts the file on the disk and gives it its name.
  result<void> finish(may_block& wait);

 private:
  result_file(unique_fd file, std::filesystem::path name);
  std::filesystem::path name_while_writing() const;
  void remove_unfinished() noexcept;

  unique_fd file_;
  std::filesystem::path name_;
};

}  // namespace whorl
