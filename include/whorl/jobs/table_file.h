// A table_file is a file that is there whole or not at all: it is written under another name until finish(), and
// removed if that never comes.
//
// Thread:   one at a time; may be moved to another thread between two calls.
// Fails:    the kernel's errors with their errno, naming the file.
#pragma once

#include <whorl/deferred/error.h>
#include <whorl/places/may_block.h>
#include <whorl/reactor/unique_fd.h>

#include <filesystem>
#include <string_view>

namespace whorl {

class table_file {
 public:
  static result<table_file> create(may_block& wait, std::filesystem::path name);
  table_file(table_file&& other) noexcept;
  table_file& operator=(table_file&& other) noexcept;
  ~table_file();

  result<void> write(may_block& wait, std::string_view bytes);

  // Puts the file on the disk, then gives it its name, and puts that on the disk. Nothing can be written afterwards.
  result<void> finish(may_block& wait);

  const std::filesystem::path& name() const noexcept { return name_; }

 private:
  table_file(unique_fd file, std::filesystem::path name) noexcept;

  unique_fd file_;  // none: finished, or moved from
  std::filesystem::path name_;
};

}  // namespace whorl
