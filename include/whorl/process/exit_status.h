// An exit_status says how a child process ended: with an exit code, by a signal, or nobody knows; and what it used.
//
// Thread: a value.
// Source: waitid(2), getrusage(2).
#pragma once

#include <whorl/deferred/error.h>
#include <whorl/reactor/time.h>

#include <cstdint>
#include <optional>
#include <string>
#include <system_error>

namespace whorl::process {

// What the child and those of its own children that it waited for have used.
struct resource_use {
  duration user_time{};
  duration system_time{};
  // The most that was resident at any time. The kernel counts from the fork on, so it is no less than what this process
  // has had resident.
  std::uint64_t peak_resident_bytes = 0;
  std::uint64_t page_faults = 0;  // those that went to a disk
};

class exit_status {
 public:
  static exit_status exited(int code, const resource_use& used = {}) noexcept;
  static exit_status killed(int signal, const resource_use& used = {}) noexcept;
  static exit_status dumped_core(int signal, const resource_use& used = {}) noexcept;
  // Somebody else in this program waited for the child (waitpid(-1), or SIGCHLD is ignored), and the kernel tells only
  // once.
  static exit_status unknown() noexcept;

  bool succeeded() const noexcept { return kind_ == kind::exited && number_ == 0; }
  bool known() const noexcept { return kind_ != kind::unknown; }
  std::optional<int> exit_code() const noexcept;  // nothing: a signal ended it, or nobody knows
  std::optional<int> signal() const noexcept;     // nothing: it exited, or nobody knows
  bool has_core() const noexcept { return kind_ == kind::dumped_core; }
  const resource_use& used() const noexcept { return used_; }

  // "exited with 3", "killed by signal 9 (Killed)"
  std::string to_string() const;

 private:
  enum class kind : std::uint8_t { exited, killed, dumped_core, unknown };
  exit_status(kind how, int number, const resource_use& used) noexcept : used_(used), number_(number), kind_(how) {}

  resource_use used_;
  int number_;
  kind kind_;
};

// Why what a child did counts as a failure, in an error's code: why.code() == process::failed::by_signal.
enum class failed {
  with_exit_code = 1,   // it exited, not with 0
  by_signal,            // a signal ended it
  with_unknown_status,  // see exit_status::unknown
  with_error_output,    // it succeeded, but wrote to its standard error
};

std::error_code make_error_code(failed how) noexcept;

}  // namespace whorl::process

template <>
struct std::is_error_code_enum<whorl::process::failed> : std::true_type {};
