// What differs between compilers and builds, in one place; no other public header asks which compiler it meets.
#pragma once

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
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define WHORL_SANITIZED 1
#endif
#endif
#if !defined(WHORL_SANITIZED)
#define WHORL_SANITIZED 0
#endif
