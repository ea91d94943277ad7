#include <whorl/jobs/csv_source.h>

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace whorl {

result<csv_source> csv_source::from_file(may_block& /*wait*/, unique_fd file) {
  struct stat about{};
  if (::fstat(file.get(), &about) != 0) {
    return std::unexpected(error::system(errno, "look at the size of the table"));
  }
  csv_source source;
  source.size_bytes_ = static_cast<std::uint64_t>(about.st_size);
  source.file_ = std::move(file);
  return source;
}

csv_source csv_source::from_text(std::string text) {
  csv_source source;
  source.size_bytes_ = text.size();
  source.text_ = std::move(text);
  return source;
}

// Empty at the end.
result<std::string> csv_source::read_chunk(may_block& /*wait*/) {
  if (!file_) {
    std::string chunk = text_.substr(text_read_, chunk_bytes);
    text_read_ += chunk.size();
    return chunk;
  }
  std::string chunk(chunk_bytes, '\0');
  while (true) {
    const ssize_t count = ::read(file_.get(), chunk.data(), chunk.size());
    if (count >= 0) {
      chunk.resize(static_cast<std::size_t>(count));
      return chunk;
    }
    if (errno != EINTR) {
      return std::unexpected(error::system(errno, "read the table"));
    }
  }
}

result<std::optional<csv_block>> csv_source::next(may_block& wait) {
  while (ready_.empty() && !ended_) {
    const result<std::string> chunk = read_chunk(wait);
    if (!chunk) {
      return std::unexpected(chunk.error());
    }
    ended_ = chunk->empty();
    result<std::vector<csv_block>> blocks = ended_ ? splitter_.finish() : splitter_.feed(*chunk);
    if (!blocks) {
      return std::unexpected(blocks.error());
    }
    std::ranges::move(*blocks, std::back_inserter(ready_));
  }
  if (ready_.empty()) {
    return std::nullopt;
  }
  csv_block block = std::move(ready_.front());
  ready_.pop_front();
  return std::optional<csv_block>(std::move(block));
}

}  // namespace whorl
