#include "calls/expected_wait.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio_ext.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdint>

namespace whorl::calls {

namespace {

using facts::blocking_class;

bool may_wait(int descriptor) noexcept {
  const int flags = ::fcntl(descriptor, F_GETFL);
  if (flags < 0 || (flags & O_NONBLOCK) != 0) {
    return false;
  }
  struct stat about{};
  return ::fstat(descriptor, &about) == 0 && !S_ISREG(about.st_mode) && !S_ISDIR(about.st_mode) &&
         !S_ISBLK(about.st_mode);
}

bool ready_for(int descriptor, short what) noexcept {
  pollfd asked{.fd = descriptor, .events = what, .revents = 0};
  return ::poll(&asked, 1, 0) > 0;
}

// How many bytes a pipe or a socket takes now; more than enough where that is not known.
std::size_t room_in(int descriptor) noexcept {
  int queued = 0;
  int most = ::fcntl(descriptor, F_GETPIPE_SZ);
  if (most > 0) {
    return ::ioctl(descriptor, FIONREAD, &queued) == 0 && queued <= most ? static_cast<std::size_t>(most - queued)
                                                                         : SIZE_MAX;
  }
  socklen_t length = sizeof most;
  if (::getsockopt(descriptor, SOL_SOCKET, SO_SNDBUF, &most, &length) == 0 &&
      ::ioctl(descriptor, TIOCOUTQ, &queued) == 0 && queued <= most) {
    return static_cast<std::size_t>(most - queued);
  }
  return SIZE_MAX;
}

bool is_over(const timespec& time) noexcept { return time.tv_sec < 0 || (time.tv_sec == 0 && time.tv_nsec <= 0); }

}  // namespace

expected_wait input(int descriptor) noexcept {
  return waits_if(may_wait(descriptor) && !ready_for(descriptor, POLLIN), blocking_class::descriptor, descriptor);
}

expected_wait output(int descriptor, std::size_t bytes) noexcept {
  return waits_if(may_wait(descriptor) && (!ready_for(descriptor, POLLOUT) || bytes > room_in(descriptor)),
                  blocking_class::descriptor, descriptor);
}

expected_wait output(int descriptor, const iovec* parts, int count) noexcept {
  std::size_t bytes = 0;
  for (int i = 0; i < count; ++i) {
    bytes += parts[i].iov_len;
  }
  return output(descriptor, bytes);
}

// A UNIX socket's peer is on this host, and a datagram's address is only noted down.
expected_wait connecting(int descriptor) noexcept {
  if (!may_wait(descriptor)) {
    return no_wait;
  }
  int type = 0;
  int domain = 0;
  socklen_t length = sizeof type;
  ::getsockopt(descriptor, SOL_SOCKET, SO_TYPE, &type, &length);
  length = sizeof domain;
  ::getsockopt(descriptor, SOL_SOCKET, SO_DOMAIN, &domain, &length);
  return waits_if(type == SOCK_STREAM && domain != AF_UNIX, blocking_class::descriptor, descriptor);
}

expected_wait input(std::FILE* stream) noexcept {
  const bool holds_bytes = stream->_IO_read_ptr < stream->_IO_read_end;
  const int descriptor = holds_bytes ? -1 : ::fileno_unlocked(stream);
  return descriptor < 0 ? no_wait : input(descriptor);
}

expected_wait output(std::FILE* stream) noexcept {
  const int descriptor = ::fileno_unlocked(stream);
  return descriptor < 0 ? no_wait : output(descriptor);
}

expected_wait opening(int folder, const char* path, int flags) noexcept {
  struct stat about{};
  const bool is_fifo = (flags & (O_NONBLOCK | O_PATH)) == 0 && ::fstatat(folder, path, &about, 0) == 0 &&
                       S_ISFIFO(about.st_mode) && (flags & O_ACCMODE) != O_RDWR;
  return waits_if(is_fifo, blocking_class::file);
}

expected_wait sleeping(const timespec* time) noexcept {
  return waits_if(time == nullptr || !is_over(*time), blocking_class::timed);
}

expected_wait sleeping_until(clockid_t clock, const timespec* time) noexcept {
  timespec now{};
  ::clock_gettime(clock, &now);
  const timespec left{.tv_sec = time->tv_sec - now.tv_sec, .tv_nsec = time->tv_nsec - now.tv_nsec};
  return waits_if(left.tv_sec > 0 || (left.tv_sec == 0 && left.tv_nsec > 0), blocking_class::timed);
}

expected_wait child(idtype_t which, id_t id, int options) noexcept {
  siginfo_t found{};
  const bool some = ::waitid(which, id, &found, (options | WEXITED | WNOHANG | WNOWAIT)) == 0;
  return waits_if((options & WNOHANG) == 0 && some && found.si_pid == 0, blocking_class::process);
}

expected_wait child(pid_t pid, int options) noexcept {
  const int also = options & (WUNTRACED | WCONTINUED);  // the same bits as WSTOPPED and WCONTINUED of waitid
  if ((options & WNOHANG) != 0) {
    return no_wait;
  }
  if (pid > 0) {
    return child(P_PID, static_cast<id_t>(pid), also);
  }
  return pid == -1 ? child(P_ALL, 0, also) : child(P_PGID, static_cast<id_t>(-pid), also);
}

expected_wait name_of_host(const char* name) noexcept {
  std::array<unsigned char, sizeof(in6_addr)> ignored{};
  const bool number = name == nullptr || ::inet_pton(AF_INET, name, ignored.data()) == 1 ||
                      ::inet_pton(AF_INET6, name, ignored.data()) == 1;
  return waits_if(!number, blocking_class::resolver);
}

}  // namespace whorl::calls
