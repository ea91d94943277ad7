// Opens what a child's descriptors are connected with.
//
// Thread: any.
// Source: pipe(7), pty(7), TIOCGPTPEER in ioctl_tty(2).
#pragma once

#include <whorl/process/command.h>
#include <whorl/reactor/unique_fd.h>

#include <cstdint>
#include <vector>

#include "process/start_child.h"

namespace whorl::process {

// What we keep of a wire.
struct our_end {
  enum class use : std::uint8_t { reading, writing, typing };  // typing: the other copy of a terminal that we read
  int child_fd;
  use how;
  unique_fd fd;  // does not block
};

struct opened_wires {
  std::vector<descriptor_move> moves;
  std::vector<our_end> ours;
  std::vector<unique_fd> childs;  // no longer needed when the child runs
  int terminal = -1;              // the child's descriptor that is one
};

// 0, 1 and 2 are pipes if `wanted` says nothing else.
// Fails: errc::bad_input for wires that make no sense, and launch_step::open_wires.
result<opened_wires> open_wires(const description& wanted);

}  // namespace whorl::process
