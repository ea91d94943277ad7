// Making a child: from a plan, in which everything is prepared, to a running program, or the step that failed.
//
// The child is made by clone with CLONE_VM and CLONE_VFORK: it runs on this process's memory, on a stack of its own, while
// the thread that made it stands still until the program is executed. So the cost does not grow with the process. The price
// is that nothing but system calls may happen in it: no allocation, no lock, no library function that keeps something.
//
// Thread: any.
// Source: clone(2), vfork(2), close_range(2), credentials(7).
#pragma once

#include <whorl/process/command.h>
#include <whorl/process/launch_step.h>
#include <whorl/reactor/unique_fd.h>

#include <sys/types.h>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <vector>

namespace whorl::process {

constexpr std::size_t most_descriptors = 64;  // that a child may start with

struct descriptor_move {
  int from;  // ours
  int to;    // the child's
};

struct resource_limit {
  int which;
  rlim_t most;
};

// Everything that the child needs, owned by whoever makes it; no pointer is followed before the child runs.
struct child_plan {
  std::vector<const char*> candidates;  // paths to try, the last one null
  std::vector<char*> arguments;         // null at the end, as execve wants it
  std::vector<char*> environment;
  std::vector<descriptor_move> descriptors;  // in the order of `to`, no more than most_descriptors
  std::vector<resource_limit> limits;
  const char* cgroup_processes = nullptr;  // the file to write to
  const char* directory = nullptr;
  const description::identity* user = nullptr;
  const mode_t* file_mask = nullptr;
  description::group group = description::group::ours;
  int terminal = -1;  // the child's descriptor that becomes its controlling terminal
  int death_signal = 0;
};

struct started_child {
  pid_t pid;
  unique_fd pidfd;
};

struct failed_step {
  launch_step which;
  int error_number;
};

// What the child runs on until its program is executed. Copied memory costs more the larger the process is.
enum class child_memory : std::uint8_t { borrowed, copied };

// Copies, too, where a sandbox forbids to borrow.
std::expected<started_child, failed_step> start_child(const child_plan& plan,
                                                      child_memory memory = child_memory::borrowed) noexcept;

}  // namespace whorl::process
