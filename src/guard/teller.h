// Tells what was found, on a thread of its own: a loop must not wait for symbols to be looked up, nor for the log.
//
// Thread:   any. Lifetime: the program's; its thread lives while there is something to tell.
#pragma once

#include <functional>

namespace whorl::detail {

using telling = std::move_only_function<void()>;

// In the order in which they come; one that throws is passed over. Debug information is kept from one to the next.
void tell_later(telling what);

// Waits until everything has been told that was given so far. Not for a loop's turn.
void wait_until_told();

}  // namespace whorl::detail
