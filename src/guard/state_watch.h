// Tells of changes of what belongs to the whole process that are made while other threads live.
//
// Thread: any.
#pragma once

#include <whorl/guard/waiting_call.h>

namespace whorl::detail {

// The first time each stack makes it. A loop that sets signal handlers before its first turn, or after its last, is not
// told of: run() does.
void see_state_change(const state_change& change);

}  // namespace whorl::detail
