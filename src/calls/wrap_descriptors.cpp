// Functions that wait for a descriptor to have something to read, or room for what is written.
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "calls/wrapper.h"

using namespace whorl::calls;

WHORL_WRAPPERS_OF(descriptors)

namespace {

constexpr bool asks_not_to_wait(int flags) noexcept { return (flags & MSG_DONTWAIT) != 0; }
constexpr expected_wait either(expected_wait one, expected_wait other) noexcept {
  return one.waits_for == blocking_class::never ? other : one;
}

}  // namespace

// clang-format off
WHORL_WRAP(ssize_t, read, (int fd, void* into, size_t bytes), (fd, into, bytes), input(fd))
WHORL_WRAP(ssize_t, readv, (int fd, const iovec* into, int count), (fd, into, count), input(fd))
WHORL_WRAP(ssize_t, pread, (int fd, void* into, size_t bytes, off_t at), (fd, into, bytes, at), input(fd))
WHORL_WRAP(ssize_t, preadv, (int fd, const iovec* into, int count, off_t at), (fd, into, count, at), input(fd))
WHORL_WRAP(ssize_t, preadv2, (int fd, const iovec* into, int count, off_t at, int flags), (fd, into, count, at, flags),
           (flags & RWF_NOWAIT) != 0 ? no_wait : input(fd))
WHORL_WRAP(ssize_t, write, (int fd, const void* from, size_t bytes), (fd, from, bytes), output(fd, bytes))
WHORL_WRAP(ssize_t, writev, (int fd, const iovec* from, int count), (fd, from, count), output(fd, from, count))
WHORL_WRAP(ssize_t, pwrite, (int fd, const void* from, size_t bytes, off_t at), (fd, from, bytes, at), output(fd, bytes))
WHORL_WRAP(ssize_t, pwritev, (int fd, const iovec* from, int count, off_t at), (fd, from, count, at), output(fd, from, count))
WHORL_WRAP(ssize_t, pwritev2, (int fd, const iovec* from, int count, off_t at, int flags), (fd, from, count, at, flags), output(fd, from, count))

WHORL_WRAP(ssize_t, recv, (int fd, void* into, size_t bytes, int flags), (fd, into, bytes, flags),
           asks_not_to_wait(flags) ? no_wait : input(fd))
WHORL_WRAP(ssize_t, recvfrom, (int fd, void* into, size_t bytes, int flags, sockaddr* from, socklen_t* length), (fd, into, bytes, flags, from, length),
           asks_not_to_wait(flags) ? no_wait : input(fd))
WHORL_WRAP(ssize_t, recvmsg, (int fd, msghdr* message, int flags), (fd, message, flags),
           asks_not_to_wait(flags) ? no_wait : input(fd))
WHORL_WRAP(int, recvmmsg, (int fd, mmsghdr* messages, unsigned count, int flags, timespec* limit), (fd, messages, count, flags, limit),
           asks_not_to_wait(flags) ? no_wait : input(fd))
WHORL_WRAP(ssize_t, send, (int fd, const void* from, size_t bytes, int flags), (fd, from, bytes, flags),
           asks_not_to_wait(flags) ? no_wait : output(fd, bytes))
WHORL_WRAP(ssize_t, sendto, (int fd, const void* from, size_t bytes, int flags, const sockaddr* to, socklen_t length), (fd, from, bytes, flags, to, length),
           asks_not_to_wait(flags) ? no_wait : output(fd, bytes))
WHORL_WRAP(ssize_t, sendmsg, (int fd, const msghdr* message, int flags), (fd, message, flags),
           asks_not_to_wait(flags) ? no_wait : output(fd, message->msg_iov, static_cast<int>(message->msg_iovlen)))
WHORL_WRAP(int, sendmmsg, (int fd, mmsghdr* messages, unsigned count, int flags), (fd, messages, count, flags),
           asks_not_to_wait(flags) ? no_wait : output(fd))
WHORL_WRAP(ssize_t, sendfile, (int to, int from, off_t* at, size_t bytes), (to, from, at, bytes), output(to, bytes))
WHORL_WRAP(ssize_t, splice, (int from, off64_t* from_at, int to, off64_t* to_at, size_t bytes, unsigned flags), (from, from_at, to, to_at, bytes, flags),
           (flags & SPLICE_F_NONBLOCK) != 0 ? no_wait : either(input(from), output(to)))
WHORL_WRAP(ssize_t, tee, (int from, int to, size_t bytes, unsigned flags), (from, to, bytes, flags),
           (flags & SPLICE_F_NONBLOCK) != 0 ? no_wait : either(input(from), output(to)))
WHORL_WRAP(ssize_t, vmsplice, (int fd, const iovec* parts, size_t count, unsigned flags), (fd, parts, count, flags),
           (flags & SPLICE_F_NONBLOCK) != 0 ? no_wait : output(fd, parts, static_cast<int>(count)))
WHORL_WRAP_ALIAS(pread, ssize_t, pread64, (int fd, void* into, size_t bytes, off64_t at), (fd, into, bytes, at), input(fd))
WHORL_WRAP_ALIAS(preadv, ssize_t, preadv64, (int fd, const iovec* into, int count, off64_t at), (fd, into, count, at), input(fd))
WHORL_WRAP_ALIAS(pwrite, ssize_t, pwrite64, (int fd, const void* from, size_t bytes, off64_t at), (fd, from, bytes, at), output(fd, bytes))
WHORL_WRAP_ALIAS(pwritev, ssize_t, pwritev64, (int fd, const iovec* from, int count, off64_t at), (fd, from, count, at), output(fd, from, count))
WHORL_WRAP_ALIAS(sendfile, ssize_t, sendfile64, (int to, int from, off64_t* at, size_t bytes), (to, from, at, bytes), output(to, bytes))
WHORL_WRAP_ALIAS(read, ssize_t, __read_chk, (int fd, void* into, size_t bytes, size_t room), (fd, into, bytes, room), input(fd))
WHORL_WRAP_ALIAS(pread, ssize_t, __pread_chk, (int fd, void* into, size_t bytes, off_t at, size_t room), (fd, into, bytes, at, room), input(fd))
WHORL_WRAP_ALIAS(pread, ssize_t, __pread64_chk, (int fd, void* into, size_t bytes, off64_t at, size_t room), (fd, into, bytes, at, room), input(fd))
WHORL_WRAP_ALIAS(recv, ssize_t, __recv_chk, (int fd, void* into, size_t bytes, size_t room, int flags), (fd, into, bytes, room, flags),
                 asks_not_to_wait(flags) ? no_wait : input(fd))
WHORL_WRAP_ALIAS(recvfrom, ssize_t, __recvfrom_chk, (int fd, void* into, size_t bytes, size_t room, int flags, sockaddr* from, socklen_t* length), (fd, into, bytes, room, flags, from, length),
                 asks_not_to_wait(flags) ? no_wait : input(fd))
// clang-format on
