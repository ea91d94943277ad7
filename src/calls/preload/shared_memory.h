// What the preloaded library shares with the watcher; null: nobody watches this process.
#pragma once

#include "guard/watched_loops.h"

namespace whorl::detail {

extern constinit watched_loops* shared;

// From now on, in this process: calls that would wait in a turn, and changes of what belongs to the whole process.
void tell_calls() noexcept;

// Calls that waited in this thread's turn are kept until it has ended: then they are told.
[[gnu::tls_model("initial-exec")]] extern constinit thread_local bool calls_are_kept;
void tell_calls_of_turn() noexcept;
void forget_calls_of_turn() noexcept;

// What had it loaded; the pieces of text that stood there stay where they are.
void take_library_out_of_environment() noexcept;

// Whether this thread's loop is not over: what it waits on is open.
bool loop_goes_on() noexcept;

}  // namespace whorl::detail
