#include "reactor/epoll_watch.h"

#include <cerrno>
#include <utility>

namespace whorl {

epoll_watch::epoll_watch(watched_descriptor& watched, readiness what, watch_events& taker) noexcept
    : on(watched), polls(what == readiness::readable ? EPOLLIN | EPOLLRDHUP : EPOLLOUT), events(taker) {}

epoll_watch::~epoll_watch() {
  if (linked()) {
    unlink();
    on.left();
  }
}

watched_descriptor::~watched_descriptor() {
  if (registered_) {
    set().remove(fd_);
  }
}

int watched_descriptor::add(epoll_watch& added) noexcept {
  added.insert_before(watches_);
  ++count_;
  return arm();
}

void watched_descriptor::left() noexcept {
  if (--count_ == 0 && !telling_) {
    all_.erase(fd_);
  }
}

// Each watch is told once. What it does may destroy the others, and add new ones, which wait for another event.
void watched_descriptor::ready(std::uint32_t events) noexcept {
  const bool all = events == 0 || (events & (EPOLLERR | EPOLLHUP)) != 0;
  ring_link due;
  move_those_who_want(all ? EPOLLIN | EPOLLOUT : events, due);
  telling_ = true;
  while (due.linked()) {
    auto& next = static_cast<epoll_watch&>(*due.next);
    next.unlink();
    --count_;
    next.events.descriptor_ready();
  }
  telling_ = false;
  if (count_ == 0) {
    all_.erase(fd_);
  } else if (arm() != 0) {
    set().put_off(*this);  // the next read or write tells the error
  }
}

void watched_descriptor::displaced() noexcept {
  registered_ = false;
  set().put_off(*this);
}

int watched_descriptor::arm() noexcept {
  std::uint32_t wanted = EPOLLONESHOT;
  for (const ring_link* at = watches_.next; at != &watches_; at = at->next) {
    wanted |= static_cast<const epoll_watch*>(at)->polls;
  }
  int failed = registered_ ? set().change(fd_, wanted) : ENOENT;
  if (failed == ENOENT) {  // not added yet; or closed since, and its number taken by another file
    if (registered_) {
      set().remove(fd_);
    }
    failed = set().add(*this, fd_, wanted);
  }
  registered_ = failed == 0;
  if (failed == EPERM) {
    set().put_off(*this);  // a plain file is always ready
    return 0;
  }
  return failed;
}

void watched_descriptor::move_those_who_want(std::uint32_t events, ring_link& into) noexcept {
  for (ring_link* at = watches_.next; at != &watches_;) {
    auto& each = static_cast<epoll_watch&>(*std::exchange(at, at->next));
    if ((each.polls & events) != 0) {
      each.unlink();
      each.insert_before(into);
    }
  }
}

}  // namespace whorl
