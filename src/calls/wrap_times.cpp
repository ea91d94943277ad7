// Functions that wait for a time.
#include <threads.h>
#include <unistd.h>

#include <ctime>

#include "calls/wrapper.h"

using namespace whorl::calls;

WHORL_WRAPPERS_OF(times)

// clang-format off
WHORL_WRAP(unsigned, sleep, (unsigned seconds), (seconds), waits_if(seconds != 0, blocking_class::timed))
WHORL_WRAP(int, usleep, (useconds_t microseconds), (microseconds), waits_if(microseconds != 0, blocking_class::timed))
WHORL_WRAP(int, nanosleep, (const timespec* time, timespec* left), (time, left), sleeping(time))
WHORL_WRAP(int, clock_nanosleep, (clockid_t clock, int flags, const timespec* time, timespec* left), (clock, flags, time, left),
           (flags & TIMER_ABSTIME) != 0 ? sleeping_until(clock, time) : sleeping(time))
WHORL_WRAP(int, thrd_sleep, (const timespec* time, timespec* left), (time, left), sleeping(time))
// clang-format on
