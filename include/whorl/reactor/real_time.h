// What Clang's real-time sanitizer is told: when callbacks run, and what is permitted to wait there. It then reports each
// call of the C library between the two that may wait (`make rtsan`). Other builds tell nobody anything.
//
// Thread: each tells about itself.
#pragma once

#include <whorl/deferred/platform.h>

#if WHORL_REALTIME_SANITIZED
extern "C" {
void __rtsan_realtime_enter();
void __rtsan_realtime_exit();
void __rtsan_disable();
void __rtsan_enable();
}
#endif

namespace whorl::detail {

#if WHORL_REALTIME_SANITIZED

inline thread_local constinit unsigned real_time_permits = 0;

inline void pause_real_time() noexcept { __rtsan_disable(); }
inline void resume_real_time() noexcept { __rtsan_enable(); }

inline void permit_in_real_time() noexcept {
  ++real_time_permits;
  pause_real_time();
}
// Does nothing where the permission has ended with its callback.
inline void end_permit_in_real_time() noexcept {
  if (real_time_permits > 0) {
    --real_time_permits;
    resume_real_time();
  }
}

inline void enter_real_time() noexcept { __rtsan_realtime_enter(); }
inline void leave_real_time() noexcept {
  while (real_time_permits > 0) {
    end_permit_in_real_time();
  }
  __rtsan_realtime_exit();
}

#else

inline void pause_real_time() noexcept {}
inline void resume_real_time() noexcept {}
inline void permit_in_real_time() noexcept {}
inline void end_permit_in_real_time() noexcept {}
inline void enter_real_time() noexcept {}
inline void leave_real_time() noexcept {}

#endif

}  // namespace whorl::detail
