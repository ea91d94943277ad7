#include "reactor/epoll_set.h"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <utility>

namespace whorl {

namespace {

int whole_milliseconds(const timespec* timeout) noexcept {
  if (timeout == nullptr) {
    return -1;
  }
  if (timeout->tv_sec >= INT_MAX / 1000 - 1) {
    return INT_MAX;
  }
  return static_cast<int>(timeout->tv_sec * 1000 + (timeout->tv_nsec + 999'999) / 1'000'000);
}

}  // namespace

std::uint64_t epoll_set::token(int fd) const noexcept {
  return std::uint64_t{entries_[static_cast<std::size_t>(fd)].generation} << 32 | static_cast<std::uint32_t>(fd);
}

int epoll_set::add(epoll_source& source, int fd, std::uint32_t events) noexcept {
  if (fd < 0) {
    return EBADF;
  }
  const auto index = static_cast<std::size_t>(fd);
  if (index >= entries_.size()) {
    entries_.resize(std::max(index + 1, 2 * entries_.size()));
  }
  epoll_event event{.events = events, .data = {.u64 = token(fd)}};
  int failed = ::epoll_ctl(fd_.get(), EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : errno;
  if (failed != 0) {
    return failed;
  }
  if (epoll_source* before = std::exchange(entries_[index].source, &source)) {
    ++entries_[index].generation;
    failed = change(fd, events);
    before->displaced();
  }
  return failed;
}

int epoll_set::change(int fd, std::uint32_t events) noexcept {
  epoll_event event{.events = events, .data = {.u64 = token(fd)}};
  return ::epoll_ctl(fd_.get(), EPOLL_CTL_MOD, fd, &event) == 0 ? 0 : errno;
}

void epoll_set::remove(int fd) noexcept {
  ::epoll_ctl(fd_.get(), EPOLL_CTL_DEL, fd, nullptr);
  entry& gone = entries_[static_cast<std::size_t>(fd)];
  gone.source = nullptr;
  ++gone.generation;
}

void epoll_set::put_off(epoll_source& source) noexcept {
  if (!source.linked()) {
    source.insert_before(put_off_);
  }
}

void epoll_set::run_put_off() noexcept {
  ring_link now;  // what is put off meanwhile waits for the next turn
  move_ring(put_off_, now);
  while (now.linked()) {
    ring_link* first = now.next;
    first->unlink();
    tell(static_cast<epoll_source&>(*first), 0);
  }
}

void epoll_set::wait(const timespec* timeout) noexcept {
  if (has_pwait2_) {
    events_count_ = ::epoll_pwait2(fd_.get(), events_.data(), static_cast<int>(events_.size()), timeout, nullptr);
    has_pwait2_ = events_count_ >= 0 || errno != ENOSYS;
  }
  if (!has_pwait2_) {
    events_count_ =
        ::epoll_wait(fd_.get(), events_.data(), static_cast<int>(events_.size()), whole_milliseconds(timeout));
  }
}

void epoll_set::tell_all() noexcept {
  for (int i = 0; i < events_count_; ++i) {
    const epoll_event& event = events_[static_cast<std::size_t>(i)];
    const entry& taker = entries_[event.data.u64 & UINT32_MAX];
    if (taker.source != nullptr && taker.generation == event.data.u64 >> 32) {
      tell(*taker.source, event.events);
    }
  }
}

void epoll_set::tell(epoll_source& source, std::uint32_t events) noexcept {
  const callback_scope scope("an event", {}, &typeid(source));
  told_ = &source;
  source.ready(events);
  told_ = nullptr;
}

}  // namespace whorl
