#include "cli/report_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>
#include <whorl/deferred/error.h>

#include <cerrno>
#include <utility>

namespace whorl::cli {

report_file::report_file(std::string path)
    : path_(std::move(path)),
      file_(::open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0666)),
      out_(this) {
  if (!file_) {
    throw error::system(errno, fmt::format("write \"{}\"", path_), "name a file that can be written");
  }
}

void report_file::finish() {
  sync();
  if (failure_ != 0) {
    throw error::system(failure_, fmt::format("write \"{}\"", path_), "the report is not complete");
  }
}

report_file::int_type report_file::overflow(int_type letter) {
  constexpr std::size_t enough = 8192;
  unwritten_ += traits_type::to_char_type(letter);
  if (unwritten_.size() >= enough) {
    sync();
  }
  return letter;
}

int report_file::sync() {
  std::size_t written = 0;
  while (written < unwritten_.size() && failure_ == 0) {
    const ssize_t got = ::write(file_.get(), unwritten_.data() + written, unwritten_.size() - written);
    if (got >= 0) {
      written += static_cast<std::size_t>(got);
    } else if (errno != EINTR) {
      failure_ = errno;
    }
  }
  unwritten_.clear();
  return failure_ == 0 ? 0 : -1;
}

}  // namespace whorl::cli
