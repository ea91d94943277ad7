// file_roots are the directories that input files may lie in; whoever names a file outside of them is refused.
//
// Thread:   any number at once; it does not change.
// Source:   path_resolution(7), proc_pid_fd(5).
#pragma once

#include <whorl/deferred/error.h>
#include <whorl/places/may_block.h>
#include <whorl/reactor/unique_fd.h>

#include <filesystem>
#include <string_view>
#include <vector>

namespace whorl {

class file_roots {
 public:
  file_roots() = default;  // none: every file is refused

  // Fails: throws error if one is not a directory.
  file_roots(may_block& wait, const std::vector<std::filesystem::path>& directories);

  // Opens a regular file to read. A relative name is looked for below each root in turn. Links are followed, and it
  // counts where they lead; a file that is swapped for another meanwhile is refused too.
  // Fails: errc::bad_input for a file outside of the roots, or none that can be read as a table; errc::not_found.
  result<unique_fd> open(may_block& wait, const std::filesystem::path& name) const;

 private:
  result<std::filesystem::path> locate(const std::filesystem::path& name) const;
  bool holds(const std::filesystem::path& canonical) const;

  std::vector<std::filesystem::path> roots_;  // canonical
};

}  // namespace whorl
