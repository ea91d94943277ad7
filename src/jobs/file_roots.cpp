#include <whorl/jobs/file_roots.h>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <system_error>

namespace whorl {

namespace {

namespace fs = std::filesystem;

error outside(const fs::path& name, const std::vector<fs::path>& roots) {
  std::string allowed;
  for (const fs::path& root : roots) {
    allowed += (allowed.empty() ? "\"" : ", \"") + root.string() + "\"";
  }
  const std::string cure = allowed.empty() ? "no directory for input files was given to this server; send the table as "
                                             "a text, or name directories when it is started"
                                           : "put the file below one of " + allowed + ", or send the table as a text";
  return {errc::bad_input, fmt::format("file \"{}\": it lies outside of the directories that input may come from; {}",
                                       name.string(), cure)};
}

bool lies_below(const fs::path& root, const fs::path& canonical) {
  return std::ranges::mismatch(root, canonical).in1 == root.end();
}

// Where the kernel says that an open file is: nobody can have swapped that.
fs::path path_of(const unique_fd& file) {
  std::error_code ignored;
  return fs::read_symlink("/proc/self/fd/" + std::to_string(file.get()), ignored);
}

}  // namespace

file_roots::file_roots(may_block& /*wait*/, const std::vector<fs::path>& directories) {
  for (const fs::path& directory : directories) {
    std::error_code code;
    fs::path canonical = fs::canonical(directory, code);
    if (!code && !fs::is_directory(canonical, code)) {
      code = std::make_error_code(std::errc::not_a_directory);
    }
    if (code) {
      throw error(code, fmt::format("directory for input files \"{}\": {}; name a directory that is there",
                                    directory.string(), code.message()));
    }
    roots_.push_back(std::move(canonical));
  }
}

bool file_roots::holds(const fs::path& canonical) const {
  return std::ranges::any_of(roots_, [&](const fs::path& root) { return lies_below(root, canonical); });
}

result<fs::path> file_roots::locate(const fs::path& name) const {
  bool seen_outside = roots_.empty();
  for (const fs::path& root : roots_) {
    std::error_code code;
    fs::path canonical = fs::canonical(root / name, code);  // an absolute name replaces the root
    if (!code && holds(canonical)) {
      return canonical;
    }
    // Whether a file outside is there is nobody's business.
    seen_outside = seen_outside || !code || !lies_below(root, (root / name).lexically_normal());
  }
  if (seen_outside) {
    return std::unexpected(outside(name, roots_));
  }
  return std::unexpected(
      error(errc::not_found, fmt::format("file \"{}\" is not there, below any of the directories that "
                                         "input may come from; look at its name",
                                         name.string())));
}

result<unique_fd> file_roots::open(may_block& /*wait*/, const fs::path& name) const {
  const result<fs::path> canonical = locate(name);
  if (!canonical) {
    return std::unexpected(canonical.error());
  }
  unique_fd file(::open(canonical->c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
  if (!file) {
    return std::unexpected(error::system(errno, fmt::format("open file \"{}\"", name.string())));
  }
  struct stat about{};
  if (::fstat(file.get(), &about) != 0 || !S_ISREG(about.st_mode)) {
    return std::unexpected(
        error(errc::bad_input, fmt::format("\"{}\" is not a regular file; name a file with a table", name.string())));
  }
  if (!holds(path_of(file))) {
    return std::unexpected(outside(name, roots_));
  }
  return file;
}

}  // namespace whorl
