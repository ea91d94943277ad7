// Waits of the C++ library, which calls the kernel through syscall(2): std::future, std::latch, std::counting_semaphore,
// std::atomic::wait.
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstdarg>

#include "calls/wrapper.h"

using namespace whorl::calls;

WHORL_WRAPPERS_OF(futex)

namespace {

// Its arguments are an address, what to do, the value expected there, and a time-out.
expected_wait futex(long address, long what, long value, long limit) noexcept {
  const long wanted = what & FUTEX_CMD_MASK;
  const auto* at = reinterpret_cast<int*>(address);
  const auto* time = reinterpret_cast<const timespec*>(limit);
  const bool still = __atomic_load_n(at, __ATOMIC_ACQUIRE) == static_cast<int>(value);
  if (wanted == FUTEX_WAIT) {
    return waits_if(still && sleeping(time).waits_for != blocking_class::never, blocking_class::wait);
  }
  return waits_if(wanted == FUTEX_WAIT_BITSET && still, blocking_class::wait);
}

// A frame of its own, with the name that says what is waited for.
using system_call = long (*)(long, long, long, long, long, long, long);
[[gnu::noinline]] long call_futex(system_call call, const long* given) __asm__("futex");
long call_futex(system_call call, const long* given) {
  return call(SYS_futex, given[0], given[1], given[2], given[3], given[4], given[5]);
}

}  // namespace

WHORL_DECLARE_WRAPPER(long, syscall, (long number, ...), (long number, long, long, long, long, long, long))
long wrapped_syscall(long number, ...) {
  long given[6];
  va_list more;
  va_start(more, number);
  for (long& each : given) {
    each = va_arg(more, long);
  }
  va_end(more);
  const system_call call = real_syscall.get();
  if (number != SYS_futex || !::whorl::detail::calls_are_watched()) [[likely]] {
    return call(number, given[0], given[1], given[2], given[3], given[4], given[5]);
  }
  ::whorl::call_site at = WHORL_CALL_SITE(syscall);
  at.wrapper = reinterpret_cast<const void*>(&call_futex);
  const told_call told({.function = "futex", .refusable = true, .at = at},
                       [&] { return futex(given[0], given[1], given[2], given[3]); });
  return call_futex(call, given);
}
