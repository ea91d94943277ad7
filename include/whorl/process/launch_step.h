// Making a child process goes in steps, and any may fail. The error's code holds the kernel's errno, and here is which
// step it was (S106):
//
//     if (why.code() == std::errc::no_such_file_or_directory && process::step_of(why) == process::launch_step::execute)
//
// Thread: any.
#pragma once

#include <whorl/deferred/error.h>

#include <cstdint>
#include <optional>

namespace whorl::process {

// In the order in which they are taken; all but the first two in the child.
enum class launch_step : std::uint8_t {
  open_wires,  // pipes, the terminal, /dev/null
  fork,
  join_cgroup,
  enter_group,  // process group or session
  arrange_descriptors,
  take_terminal,
  limit_resources,
  change_directory,
  change_user,
  ask_for_death_signal,
  execute,
};

// Nothing if the error does not come from the making of a child.
std::optional<launch_step> step_of(const error& why) noexcept;

// "run "git": change to its directory "/nope": No such file or directory"
error launch_error(launch_step which, int error_number, const std::string& program, const std::string& object = {});

}  // namespace whorl::process
