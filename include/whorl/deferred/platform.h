// What differs between compilers, machines and builds, in one place; no other public header asks which it meets.
#pragma once

#include <cstdint>
#if !defined(__x86_64__) && !defined(__aarch64__)
#include <chrono>
#endif

// Clang's thread-safety attributes; elsewhere they are empty.
#if defined(__clang__)
#define WHORL_ATTRIBUTE(x) __attribute__((x))
#else
#define WHORL_ATTRIBUTE(x)
#endif

#define WHORL_CAPABILITY(name) WHORL_ATTRIBUTE(capability(name))
#define WHORL_SCOPED_CAPABILITY WHORL_ATTRIBUTE(scoped_lockable)
#define WHORL_GUARDED_BY(mutex) WHORL_ATTRIBUTE(guarded_by(mutex))
#define WHORL_REQUIRES(mutex) WHORL_ATTRIBUTE(requires_capability(mutex))
#define WHORL_ACQUIRE(...) WHORL_ATTRIBUTE(acquire_capability(__VA_ARGS__))
#define WHORL_RELEASE(...) WHORL_ATTRIBUTE(release_capability(__VA_ARGS__))

// For thread-local memory that hot paths touch: an address without a call. It costs some of the little room that
// libraries loaded while the program runs share for such memory.
#if defined(__GNUC__)
#define WHORL_FAST_THREAD_LOCAL [[gnu::tls_model("initial-exec")]]
#else
#define WHORL_FAST_THREAD_LOCAL
#endif

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define WHORL_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(realtime_sanitizer)
#define WHORL_REALTIME_SANITIZED 1
#endif
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(realtime_sanitizer)
#define WHORL_SANITIZED 1
#endif
#endif
#if !defined(WHORL_SANITIZED)
#define WHORL_SANITIZED 0
#endif
#if defined(__SANITIZE_THREAD__)
#define WHORL_THREAD_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define WHORL_THREAD_SANITIZED 1
#endif
#endif
#if !defined(WHORL_THREAD_SANITIZED)
#define WHORL_THREAD_SANITIZED 0
#endif
#if !defined(WHORL_REALTIME_SANITIZED)
#define WHORL_REALTIME_SANITIZED 0
#endif

// 0: loops keep no record of what they run. For the benchmark that measures what the record costs.
#if !defined(WHORL_KEEPS_RECORD)
#define WHORL_KEEPS_RECORD 1
#endif

namespace whorl::detail {

// A counter of the processor's that runs evenly, and is read in less time than a clock.
inline std::uint64_t processor_ticks() noexcept {
#if defined(__x86_64__)
  return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
  std::uint64_t ticks = 0;
  asm volatile("mrs %0, cntvct_el0" : "=r"(ticks));
  return ticks;
#else
  return static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
#endif
}

}  // namespace whorl::detail
