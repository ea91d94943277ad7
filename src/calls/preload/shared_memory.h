// What the preloaded library shares with the watcher; null: nobody watches this process.
#pragma once

#include "guard/watched_loops.h"

namespace whorl::detail {

extern constinit watched_loops* shared;

// From now on, in this process: calls that would wait in a turn, and changes of what belongs to the whole process.
void tell_calls() noexcept;

// Whether this thread's loop is not over: what it waits on is open.
bool loop_goes_on() noexcept;

}  // namespace whorl::detail
