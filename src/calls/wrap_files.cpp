// Functions that wait for a file: for the disk itself, or for a lock on it.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdarg>

#include "calls/wrapper.h"

using namespace whorl::calls;

WHORL_WRAPPERS_OF(files)

namespace {

// Held by another: F_OFD_GETLK and F_GETLK tell that it would wait.
expected_wait record_lock(int fd, int command, const struct flock* wanted) noexcept {
  struct flock asked = *wanted;
  const bool held =
      ::fcntl(fd, command == F_OFD_SETLKW ? F_OFD_GETLK : F_GETLK, &asked) == 0 && asked.l_type != F_UNLCK;
  return waits_if(held, blocking_class::lock, fd);
}

}  // namespace

// clang-format off
WHORL_WRAP(int, fsync, (int fd), (fd), waits(blocking_class::file, fd))
WHORL_WRAP(int, fdatasync, (int fd), (fd), waits(blocking_class::file, fd))
WHORL_WRAP(int, syncfs, (int fd), (fd), waits(blocking_class::file, fd))
WHORL_WRAP(void, sync, (), (), waits(blocking_class::file))
WHORL_WRAP(int, msync, (void* at, size_t bytes, int flags), (at, bytes, flags), waits_if((flags & MS_SYNC) != 0, blocking_class::file))
WHORL_WRAP(int, sync_file_range, (int fd, off64_t at, off64_t bytes, unsigned flags), (fd, at, bytes, flags), waits(blocking_class::file, fd))
WHORL_WRAP(int, lockf, (int fd, int command, off_t bytes), (fd, command, bytes),
           waits_if(command == F_LOCK && ::lockf(fd, F_TEST, bytes) != 0, blocking_class::lock, fd))
WHORL_WRAP_ALIAS(lockf, int, lockf64, (int fd, int command, off64_t bytes), (fd, command, bytes),
                 waits_if(command == F_LOCK && ::lockf64(fd, F_TEST, bytes) != 0, blocking_class::lock, fd))
WHORL_WRAP_LOCK(lock, flock, (int fd, int what), (fd, what), -1, ::flock(fd, what | LOCK_NB), -1)
// clang-format on

// It takes arguments as it likes.
#define WHORL_WRAP_FCNTL(name)                                                                            \
  WHORL_DECLARE_WRAPPER(int, name, (int fd, int command, ...), (int fd, int command, void* more))         \
  int wrapped_##name(int fd, int command, ...) {                                                          \
    va_list more;                                                                                         \
    va_start(more, command);                                                                              \
    void* const argument = va_arg(more, void*);                                                           \
    va_end(more);                                                                                         \
    const bool locks = command == F_SETLKW || command == F_OFD_SETLKW;                                    \
    if (!locks || !::whorl::detail::calls_are_watched()) [[likely]] {                                     \
      return real_##name.get()(fd, command, argument);                                                    \
    }                                                                                                     \
    const told_call told({.function = "fcntl", .refusable = true, .at = WHORL_CALL_SITE(name)},           \
                         [&] { return record_lock(fd, command, static_cast<struct flock*>(argument)); }); \
    return real_##name.get()(fd, command, argument);                                                      \
  }

WHORL_WRAP_FCNTL(fcntl)
WHORL_WRAP_FCNTL(fcntl64)
