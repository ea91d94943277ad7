// What a loop's object has to say when it is touched on a wrong thread, beyond what the loop knows itself.
//
// Thread: set before main, read on any.
#pragma once

#include <atomic>
#include <string>

namespace whorl::detail {

// The present stacks of the calling thread and of another one, as text. The guard puts itself here in programs that it is
// part of (guard/thread_look.h).
using stacks_teller = std::string (*)(int other_thread);
inline constinit std::atomic<stacks_teller> tell_stacks = nullptr;

}  // namespace whorl::detail
