// Functions that wait for another program at the end of a descriptor: for a connection, a message, or a terminal.
#include <fcntl.h>
#include <mqueue.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include "calls/wrapper.h"

using namespace whorl::calls;

WHORL_WRAPPERS_OF(connections)

namespace {

// Queues look like files to who asks for their status.
expected_wait message_in(mqd_t queue) noexcept {
  mq_attr now{};
  const bool waits_for_one = ::mq_getattr(queue, &now) == 0 && (now.mq_flags & O_NONBLOCK) == 0 && now.mq_curmsgs == 0;
  return waits_if(waits_for_one, blocking_class::descriptor, queue);
}

expected_wait room_for_message(mqd_t queue) noexcept {
  mq_attr now{};
  const bool is_full =
      ::mq_getattr(queue, &now) == 0 && (now.mq_flags & O_NONBLOCK) == 0 && now.mq_curmsgs >= now.mq_maxmsg;
  return waits_if(is_full, blocking_class::descriptor, queue);
}

}  // namespace

// clang-format off
WHORL_WRAP(int, accept, (int fd, sockaddr* from, socklen_t* length), (fd, from, length), input(fd))
WHORL_WRAP(int, accept4, (int fd, sockaddr* from, socklen_t* length, int flags), (fd, from, length, flags), input(fd))
WHORL_WRAP(int, connect, (int fd, const sockaddr* to, socklen_t length), (fd, to, length), connecting(fd))

WHORL_WRAP(int, tcdrain, (int fd), (fd), waits_if(::isatty(fd) != 0, blocking_class::tty, fd))

WHORL_WRAP(ssize_t, mq_receive, (mqd_t queue, char* into, size_t bytes, unsigned* priority), (queue, into, bytes, priority), message_in(queue))
WHORL_WRAP(ssize_t, mq_timedreceive, (mqd_t queue, char* into, size_t bytes, unsigned* priority, const timespec* until), (queue, into, bytes, priority, until), message_in(queue))
WHORL_WRAP(int, mq_send, (mqd_t queue, const char* from, size_t bytes, unsigned priority), (queue, from, bytes, priority), room_for_message(queue))
WHORL_WRAP(int, mq_timedsend, (mqd_t queue, const char* from, size_t bytes, unsigned priority, const timespec* until), (queue, from, bytes, priority, until), room_for_message(queue))
// clang-format on
