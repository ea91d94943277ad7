#include "jobs/result_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <whorl/reactor/unique_fd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace whorl {

namespace {

constexpr std::size_t piece_bytes = 256UL * 1024;
constexpr std::size_t head_bytes = 1024UL * 1024;

result<unique_fd> open_to_read(const std::string& path) {
  unique_fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file && errno == ENOENT) {
    return std::unexpected(error(errc::not_found, "the result is not kept any more; submit the job again"));
  }
  if (!file) {
    return std::unexpected(error::system(errno, fmt::format("open result \"{}\"", path)));
  }
  return file;
}

// At most `most` bytes; fewer at the end of the file.
result<std::string> read_from(const unique_fd& file, std::uint64_t offset, std::size_t most) {
  std::string text(most, '\0');
  std::size_t filled = 0;
  while (filled < most) {
    const ssize_t count = ::pread(file.get(), text.data() + filled, most - filled, static_cast<off_t>(offset + filled));
    if (count < 0 && errno != EINTR) {
      return std::unexpected(error::system(errno, "read a result"));
    }
    if (count == 0) {
      break;
    }
    filled += static_cast<std::size_t>(std::max<ssize_t>(count, 0));
  }
  text.resize(filled);
  return text;
}

}  // namespace

result<std::uint64_t> result_file_bytes(may_block& /*wait*/, const std::string& path) {
  const result<unique_fd> file = open_to_read(path);
  if (!file) {
    return std::unexpected(file.error());
  }
  struct stat about{};
  if (::fstat(file->get(), &about) != 0) {
    return std::unexpected(error::system(errno, fmt::format("look at the size of result \"{}\"", path)));
  }
  return static_cast<std::uint64_t>(about.st_size);
}

result<std::string> read_result_piece(may_block& /*wait*/, const std::string& path, std::uint64_t offset) {
  const result<unique_fd> file = open_to_read(path);
  if (!file) {
    return std::unexpected(file.error());
  }
  return read_from(*file, offset, piece_bytes);
}

result<std::string> read_result_head(may_block& /*wait*/, const std::string& path, std::size_t rows) {
  const result<unique_fd> file = open_to_read(path);
  if (!file) {
    return std::unexpected(file.error());
  }
  result<std::string> text = read_from(*file, 0, head_bytes);
  if (!text) {
    return text;
  }
  std::size_t end = 0;
  bool in_quotes = false;
  std::size_t ended_rows = 0;
  for (std::size_t at = 0; at < text->size() && ended_rows <= rows; ++at) {
    in_quotes = in_quotes != ((*text)[at] == '"');
    if ((*text)[at] == '\n' && !in_quotes) {
      end = at + 1;
      ++ended_rows;
    }
  }
  text->resize(end);
  return text;
}

}  // namespace whorl
