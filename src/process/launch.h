// From a command's description to a running child and our ends of its wires.
//
// Thread: any; waits until the program is executed.
#pragma once

#include <whorl/process/command.h>

#include <vector>

#include "process/start_child.h"
#include "process/wires.h"

namespace whorl::process {

struct launched_child {
  started_child started;
  std::vector<our_end> ours;
};

// Fails: errc::bad_input for what makes no sense, else with a launch step's error.
result<launched_child> launch(const description& wanted);

}  // namespace whorl::process
