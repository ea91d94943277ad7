#include <whorl/guard/permit_blocking.h>
#include <whorl/jobs/table_file.h>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <utility>

namespace whorl {

namespace {

namespace fs = std::filesystem;

fs::path name_while_written(const fs::path& name) { return fs::path(name) += ".part"; }

std::unexpected<error> refused(std::string_view doing, const fs::path& name) {
  return std::unexpected(error::system(errno, fmt::format("{} table file \"{}\"", doing, name.string())));
}

result<void> sync_directory(const fs::path& name) {
  const fs::path directory = name.has_parent_path() ? name.parent_path() : fs::path(".");
  const unique_fd opened(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!opened || ::fsync(opened.get()) != 0) {
    return refused("put on the disk the name of", name);
  }
  return {};
}

}  // namespace

table_file::table_file(unique_fd file, fs::path name) noexcept : file_(std::move(file)), name_(std::move(name)) {}

table_file::table_file(table_file&& other) noexcept = default;

table_file& table_file::operator=(table_file&& other) noexcept {
  std::swap(file_, other.file_);
  std::swap(name_, other.name_);
  return *this;
}

table_file::~table_file() {
  if (file_) {
    const permit_blocking because("a conversion that failed leaves one file, whose name is removed");
    ::unlink(name_while_written(name_).c_str());
  }
}

result<table_file> table_file::create(may_block& /*wait*/, fs::path name) {
  unique_fd file(::open(name_while_written(name).c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644));
  if (!file) {
    return refused("create", name);
  }
  return table_file(std::move(file), std::move(name));
}

result<void> table_file::write(may_block& /*wait*/, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(file_.get(), bytes.data(), bytes.size());
    if (count < 0 && errno != EINTR) {
      return refused("write to", name_);
    }
    bytes.remove_prefix(static_cast<std::size_t>(count > 0 ? count : 0));
  }
  return {};
}

result<void> table_file::finish(may_block& /*wait*/) {
  if (::fsync(file_.get()) != 0) {
    return refused("put on the disk", name_);
  }
  if (::rename(name_while_written(name_).c_str(), name_.c_str()) != 0) {
    return refused("give its name to", name_);
  }
  file_.reset();
  return sync_directory(name_);
}

}  // namespace whorl
