#include <fmt/format.h>
#include <sys/eventfd.h>
#include <whorl/reactor/backend.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <utility>

#include "reactor/epoll_connector.h"
#include "reactor/epoll_listener.h"
#include "reactor/epoll_set.h"
#include "reactor/epoll_watch.h"
#include "reactor/real_time_exempt.h"
#include "reactor/sockets.h"

namespace whorl {

namespace {

// Writing to the eventfd is an event each time, because it is edge-triggered; so nobody has to read it empty.
class waker final : public epoll_source {
 public:
  explicit waker(epoll_set& set) noexcept : epoll_source(set), fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
  ~waker() {
    if (fd_) {
      set().remove(fd_.get());
    }
  }

  int start() noexcept { return fd_ ? set().add(*this, fd_.get(), EPOLLIN | EPOLLET) : errno; }
  void wake() const noexcept {
    const detail::real_time_exempt because("the eventfd is non-blocking");
    ::eventfd_write(fd_.get(), 1);
  }

  void ready(std::uint32_t /*events*/) noexcept override {}
  void displaced() noexcept override { static_cast<void>(fd_.release()); }

 private:
  unique_fd fd_;
};

class epoll_backend final : public backend {
 public:
  epoll_backend() noexcept : waker_(parts_.set) {}

  int start() noexcept { return parts_.set.valid() ? waker_.start() : errno; }

  std::string_view name() const noexcept override { return "epoll"; }
  time_point now() const noexcept override { return monotonic_now(); }

  result<std::unique_ptr<listener>> listen(const address& at, const listen_options& options,
                                           accept_events& events) override {
    auto socket = open_listening_socket(at, options);
    if (!socket) {
      return std::unexpected(socket.error());
    }
    auto made = std::make_unique<epoll_listener>(parts_, std::move(*socket), events);
    if (const int failed = made->start(); failed != 0) {
      return std::unexpected(error::system(failed, fmt::format("listen \"{}\": epoll_ctl", at.to_string())));
    }
    return made;
  }

  std::unique_ptr<connector> connect(const address& to, connect_events& events) override {
    return std::make_unique<epoll_connector>(parts_, to, events);
  }

  result<std::unique_ptr<watch>> watch_once(int fd, readiness what, watch_events& events) override {
    auto& watched = watched_[fd];
    if (!watched) {
      watched = std::make_unique<watched_descriptor>(parts_.set, watched_, fd);
    }
    auto made = std::make_unique<epoll_watch>(*watched, what, events);
    if (const int failed = watched->add(*made); failed != 0) {
      return std::unexpected(error::system(failed, fmt::format("watch descriptor {}", fd),
                                           failed == EBADF ? "it is not open: watch it before it is closed" : ""));
    }
    return made;
  }

  void turn(std::optional<time_point> until) noexcept override {
    parts_.set.run_put_off();
    const time_point before = now();
    if (const auto rested = parts_.resting.until()) {
      until = std::min(until.value_or(*rested), *rested);
    }
    const bool at_once = parts_.set.anything_put_off() || (until && *until <= before);
    wait(at_once ? before : until, before);
    parts_.set.tell_all();
    parts_.resting.wake_due(parts_.set);
  }

  void wake() noexcept override { waker_.wake(); }

 private:
  void wait(std::optional<time_point> until, time_point from) noexcept {
    timespec left{};
    if (until) {
      const duration rest = *until - from;
      const auto seconds = std::chrono::floor<std::chrono::seconds>(rest);
      left = {.tv_sec = seconds.count(), .tv_nsec = (rest - seconds).count()};
    }
    rests();
    parts_.set.wait(until ? &left : nullptr);
    woke_at(until == from ? from : now(), from);
  }

  epoll_parts parts_;
  waker waker_;
  watched_descriptor::map watched_;
};

}  // namespace

result<std::unique_ptr<backend>> make_epoll_backend() {
  auto made = std::make_unique<epoll_backend>();
  if (const int failed = made->start(); failed != 0) {
    return std::unexpected(error::system(failed, "epoll", "the process may be out of descriptors (ulimit -n)"));
  }
  return made;
}

}  // namespace whorl
