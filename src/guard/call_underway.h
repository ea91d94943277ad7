// The call that a thread waits in, where a call_watch saw it begin: exact, while what lies on the stack of a thread that
// sleeps in a library without frame pointers may be left from calls before.
//
// Thread: any.
#pragma once

#include <sys/types.h>
#include <whorl/guard/waiting_call.h>

#include <optional>

namespace whorl::detail {

void call_begins(pid_t thread, const waiting_call& call);
void call_ends(pid_t thread);
std::optional<waiting_call> call_underway(pid_t thread);

}  // namespace whorl::detail
