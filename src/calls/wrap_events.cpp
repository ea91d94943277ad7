// Functions that wait for events on several descriptors; event loops sleep in them too.
#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>

#include "calls/wrapper.h"

using namespace whorl::calls;

WHORL_WRAPPERS_OF(events)

namespace {

bool none_is_ready(pollfd* descriptors, nfds_t count) noexcept { return ::poll(descriptors, count, 0) == 0; }

bool none_is_ready(int epoll) noexcept {
  pollfd asked{.fd = epoll, .events = POLLIN, .revents = 0};
  return none_is_ready(&asked, 1);
}

bool none_is_ready(int count, const fd_set* read, const fd_set* write, const fd_set* exceptional) noexcept {
  if (count > FD_SETSIZE) {
    return true;  // somebody's own, larger sets
  }
  const auto copy = [](const fd_set* from) { return from == nullptr ? fd_set{} : *from; };
  fd_set sets[] = {copy(read), copy(write), copy(exceptional)};
  timeval at_once{};
  return ::select(count, &sets[0], &sets[1], &sets[2], &at_once) == 0;
}

bool is_over(const timespec* time) noexcept { return sleeping(time).waits_for == blocking_class::never; }

bool is_over(const timeval* time) noexcept { return time != nullptr && time->tv_sec <= 0 && time->tv_usec <= 0; }

}  // namespace

// clang-format off
WHORL_WRAP_SLEEP(int, poll, (pollfd* fds, nfds_t count, int milliseconds), (fds, count, milliseconds), -1,
                 waits_if(milliseconds != 0 && none_is_ready(fds, count), blocking_class::loop))
WHORL_WRAP_SLEEP(int, ppoll, (pollfd* fds, nfds_t count, const timespec* limit, const sigset_t* mask), (fds, count, limit, mask), -1,
                 waits_if(!is_over(limit) && none_is_ready(fds, count), blocking_class::loop))
WHORL_WRAP_SLEEP(int, select, (int count, fd_set* read, fd_set* write, fd_set* exceptional, timeval* limit), (count, read, write, exceptional, limit), -1,
                 waits_if(!is_over(limit) && none_is_ready(count, read, write, exceptional), blocking_class::loop))
WHORL_WRAP_SLEEP(int, pselect, (int count, fd_set* read, fd_set* write, fd_set* exceptional, const timespec* limit, const sigset_t* mask), (count, read, write, exceptional, limit, mask), -1,
                 waits_if(!is_over(limit) && none_is_ready(count, read, write, exceptional), blocking_class::loop))
WHORL_WRAP_SLEEP(int, epoll_wait, (int epoll, epoll_event* events, int most, int milliseconds), (epoll, events, most, milliseconds), epoll,
                 waits_if(milliseconds != 0 && none_is_ready(epoll), blocking_class::loop, epoll))
WHORL_WRAP_SLEEP(int, epoll_pwait, (int epoll, epoll_event* events, int most, int milliseconds, const sigset_t* mask), (epoll, events, most, milliseconds, mask), epoll,
                 waits_if(milliseconds != 0 && none_is_ready(epoll), blocking_class::loop, epoll))
WHORL_WRAP_SLEEP(int, epoll_pwait2, (int epoll, epoll_event* events, int most, const timespec* limit, const sigset_t* mask), (epoll, events, most, limit, mask), epoll,
                 waits_if(!is_over(limit) && none_is_ready(epoll), blocking_class::loop, epoll))
WHORL_WRAP_SLEEP_ALIAS(poll, int, __poll_chk, (pollfd* fds, nfds_t count, int milliseconds, size_t room), (fds, count, milliseconds, room), -1,
                 waits_if(milliseconds != 0 && none_is_ready(fds, count), blocking_class::loop))
WHORL_WRAP_SLEEP_ALIAS(ppoll, int, __ppoll_chk, (pollfd* fds, nfds_t count, const timespec* limit, const sigset_t* mask, size_t room), (fds, count, limit, mask, room), -1,
                 waits_if(!is_over(limit) && none_is_ready(fds, count), blocking_class::loop))
// clang-format on
