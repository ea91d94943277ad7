// Functions that wait for the other end of a FIFO when they open it.
#include <fcntl.h>

#include <cstdarg>
#include <cstdio>

#include "calls/wrapper.h"

using namespace whorl::calls;

WHORL_WRAPPERS_OF(opens)

namespace {

int flags_of(const char* mode) noexcept { return mode[0] == 'r' && mode[1] != '+' ? O_RDONLY : O_WRONLY; }

constexpr bool takes_mode(int flags) noexcept { return (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE; }

}  // namespace

// clang-format off
WHORL_WRAP(FILE*, fopen, (const char* path, const char* mode), (path, mode), opening(AT_FDCWD, path, flags_of(mode)))
WHORL_WRAP_ALIAS(fopen, FILE*, fopen64, (const char* path, const char* mode), (path, mode), opening(AT_FDCWD, path, flags_of(mode)))
// clang-format on

// What follows takes arguments as it likes.

#define WHORL_WRAP_OPEN(name)                                                                                      \
  WHORL_DECLARE_WRAPPER(int, name, (const char* path, int flags, ...), (const char* path, int flags, mode_t mode)) \
  int wrapped_##name(const char* path, int flags, ...) {                                                           \
    mode_t mode = 0;                                                                                               \
    if (takes_mode(flags)) {                                                                                       \
      va_list more;                                                                                                \
      va_start(more, flags);                                                                                       \
      mode = va_arg(more, mode_t);                                                                                 \
      va_end(more);                                                                                                \
    }                                                                                                              \
    if (!::whorl::detail::calls_are_watched()) [[likely]] {                                                        \
      return real_##name.get()(path, flags, mode);                                                                 \
    }                                                                                                              \
    const told_call told({.function = "open", .refusable = true, .at = WHORL_CALL_SITE(name)},                     \
                         [&] { return opening(AT_FDCWD, path, flags); });                                          \
    return real_##name.get()(path, flags, mode);                                                                   \
  }

#define WHORL_WRAP_OPENAT(name)                                                                  \
  WHORL_DECLARE_WRAPPER(int, name, (int folder, const char* path, int flags, ...),               \
                        (int folder, const char* path, int flags, mode_t mode))                  \
  int wrapped_##name(int folder, const char* path, int flags, ...) {                             \
    mode_t mode = 0;                                                                             \
    if (takes_mode(flags)) {                                                                     \
      va_list more;                                                                              \
      va_start(more, flags);                                                                     \
      mode = va_arg(more, mode_t);                                                               \
      va_end(more);                                                                              \
    }                                                                                            \
    if (!::whorl::detail::calls_are_watched()) [[likely]] {                                      \
      return real_##name.get()(folder, path, flags, mode);                                       \
    }                                                                                            \
    const told_call told({.function = "openat", .refusable = true, .at = WHORL_CALL_SITE(name)}, \
                         [&] { return opening(folder, path, flags); });                          \
    return real_##name.get()(folder, path, flags, mode);                                         \
  }

WHORL_WRAP_OPEN(open)
WHORL_WRAP_OPEN(open64)
WHORL_WRAP_OPENAT(openat)
WHORL_WRAP_OPENAT(openat64)
