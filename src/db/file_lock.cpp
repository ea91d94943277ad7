#include "db/file_lock.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>

namespace whorl {

namespace {

// A line reads  7: POSIX  ADVISORY  WRITE 1234 fe:01:5678 1073741826 1073742335
std::optional<pid_t> find_lock_holder(const std::string& path) {
  struct stat file{};
  if (::stat(path.c_str(), &file) != 0) {
    return std::nullopt;
  }
  const std::string inode = fmt::format("{:02x}:{:02x}:{}", major(file.st_dev), minor(file.st_dev), file.st_ino);
  std::ifstream locks("/proc/locks");
  for (std::string line; std::getline(locks, line);) {
    std::istringstream words(line);
    std::string number, kind, strictness, access, place;
    pid_t holder = 0;
    if (words >> number >> kind >> strictness >> access >> holder >> place && place == inode && holder > 0) {
      return holder;
    }
  }
  return std::nullopt;
}

std::string command_line(pid_t process) {
  std::ifstream file(fmt::format("/proc/{}/cmdline", process));
  std::string words{std::istreambuf_iterator<char>(file), {}};
  std::ranges::replace(words, '\0', ' ');
  return words.substr(0, words.find_last_not_of(' ') + 1);
}

}  // namespace

std::string describe_lock_holder(const std::string& path) {
  const std::optional<pid_t> holder = find_lock_holder(path);
  if (!holder) {
    return "another process";
  }
  if (*holder == ::getpid()) {
    return "this process itself";
  }
  return fmt::format("process {} ({})", *holder, command_line(*holder));
}

}  // namespace whorl
