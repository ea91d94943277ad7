#include <fmt/format.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <whorl/reactor/backend.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <map>
#include <utility>

#include "reactor/epoll_channel.h"
#include "reactor/epoll_set.h"
#include "reactor/sockets.h"

namespace whorl {

namespace {

constexpr int accepts_a_turn = 64;
constexpr duration exhausted_rest = std::chrono::milliseconds(50);

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
  void wake() const noexcept { ::eventfd_write(fd_.get(), 1); }

  void ready(std::uint32_t /*events*/) noexcept override {}
  void displaced() noexcept override { static_cast<void>(fd_.release()); }

 private:
  unique_fd fd_;
};

// Listeners that are out of descriptors, spare one included, and rest for a while: a level-triggered event that cannot
// be answered would make the loop spin.
class resting_listeners {
 public:
  void add(epoll_source& listener) {
    waiting_.push_back(&listener);
    until_ = std::chrono::steady_clock::now() + exhausted_rest;
  }
  void remove(epoll_source& listener) noexcept { std::erase(waiting_, &listener); }

  std::optional<time_point> until() const noexcept { return until_; }

  void wake_due(epoll_set& set) noexcept {
    if (until_ && std::chrono::steady_clock::now() >= *until_) {
      until_.reset();
      for (epoll_source* each : std::exchange(waiting_, {})) {
        set.put_off(*each);
      }
    }
  }

 private:
  std::vector<epoll_source*> waiting_;
  std::optional<time_point> until_;
};

// What all objects of one back end use.
struct shared_parts {
  epoll_set set;
  receive_buffer buffer;
  spare_descriptor spare;
  resting_listeners resting;
};

class epoll_listener final : public listener, public epoll_source {
 public:
  epoll_listener(shared_parts& parts, listening_socket socket, accept_events& events) noexcept
      : epoll_source(parts.set), parts_(parts), socket_(std::move(socket)), events_(events) {}
  ~epoll_listener() override {
    parts_.resting.remove(*this);
    if (socket_.fd) {
      set().remove(socket_.fd.get());
    }
  }

  int start() noexcept { return set().add(*this, socket_.fd.get(), EPOLLIN); }
  address local_address() const override { return local_address_of(socket_.fd.get()); }

  void ready(std::uint32_t events) noexcept override {
    if (events == 0) {
      set().change(socket_.fd.get(), EPOLLIN);  // rested
      return;
    }
    const epoll_set& told = set();
    for (int done = 0; done < accepts_a_turn && told.still_told(this); ++done) {
      unique_fd fd(::accept4(socket_.fd.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (fd) {
        exhausted_ = false;
        events_.accepted(
            std::make_unique<epoll_channel>(set(), parts_.buffer, std::move(fd), epoll_channel::in_set::no));
      } else if (!go_on_after(errno)) {
        return;
      }
    }
  }

  void displaced() noexcept override {
    static_cast<void>(socket_.fd.release());
    set().put_off(*this);
  }

 private:
  bool go_on_after(int error_number) noexcept {
    switch (judge_accept_failure(error_number)) {
      case accept_failure::none_waiting: return false;
      case accept_failure::peer_gone: return true;
      case accept_failure::out_of_descriptors: return refuse_waiting(error_number);
      case accept_failure::broken: break;
    }
    set().change(socket_.fd.get(), 0);
    events_.accept_failed(error_number);
    return false;
  }

  // Told once for each time that descriptors run out (S95).
  bool refuse_waiting(int error_number) noexcept {
    const bool refused = parts_.spare.refuse_one(socket_.fd.get()) == 0;
    if (!refused) {
      set().change(socket_.fd.get(), 0);
      parts_.resting.add(*this);
    }
    if (!std::exchange(exhausted_, true)) {
      events_.accept_failed(error_number);
    }
    return refused;
  }

  shared_parts& parts_;
  listening_socket socket_;
  accept_events& events_;
  bool exhausted_ = false;
};

class epoll_connector final : public connector, public epoll_source, public detail::framed {
 public:
  epoll_connector(shared_parts& parts, const address& to, connect_events& events) noexcept
      : epoll_source(parts.set), parts_(parts), events_(events) {
    auto opened = open_stream_socket(to);
    if (opened) {
      fd_ = std::move(*opened);
      failed_ = start(to);
    } else {
      failed_ = opened.error().code().value();
    }
    if (failed_ != 0) {
      set().put_off(*this);  // never from inside the call (S94)
    }
  }
  ~epoll_connector() override {
    if (fd_) {
      set().remove(fd_.get());
    }
  }

  void ready(std::uint32_t /*events*/) noexcept override {
    if (failed_ == 0) {
      failed_ = take_socket_error(fd_.get());
    }
    if (failed_ != 0) {
      fail();
      return;
    }
    events_.connected(
        std::make_unique<epoll_channel>(set(), parts_.buffer, std::move(fd_), epoll_channel::in_set::yes));
  }

  void displaced() noexcept override {
    static_cast<void>(fd_.release());
    failed_ = EBADF;
    set().put_off(*this);
  }

 private:
  int start(const address& to) noexcept {
    if (::connect(fd_.get(), to.raw(), to.raw_bytes()) != 0 && errno != EINPROGRESS) {
      return errno;
    }
    return set().add(*this, fd_.get(), EPOLLOUT | EPOLLET);
  }

  void fail() noexcept {
    if (fd_) {
      set().remove(fd_.get());
      fd_.reset();
    }
    events_.connect_failed(failed_);
  }

  shared_parts& parts_;
  connect_events& events_;
  unique_fd fd_;
  int failed_ = 0;
};

class watched_descriptor;

class epoll_watch final : public watch, public ring_link, public detail::framed {
 public:
  epoll_watch(watched_descriptor& watched, std::uint32_t wanted, watch_events& taker) noexcept
      : on(watched), polls(wanted), events(taker) {}
  ~epoll_watch() override;

  watched_descriptor& on;
  const std::uint32_t polls;
  watch_events& events;
};

// A descriptor of the user's, and all who watch it: the kernel takes one registration for each.
// A descriptor of the user's, and all who watch it: the kernel takes one registration for each.
class watched_descriptor final : public epoll_source {
 public:
  using map = std::map<int, std::unique_ptr<watched_descriptor>>;

  watched_descriptor(epoll_set& set, map& all, int fd) noexcept : epoll_source(set), all_(all), fd_(fd) {}
  ~watched_descriptor() {
    if (registered_) {
      set().remove(fd_);
    }
  }

  // 0 or an errno.
  int add(epoll_watch& added) noexcept {
    added.insert_before(watches_);
    ++count_;
    return arm();
  }

  void left() noexcept {
    if (--count_ == 0 && !telling_) {
      all_.erase(fd_);
    }
  }

  // Each watch is told once. What it does may destroy the others, and add new ones, which wait for another event.
  void ready(std::uint32_t events) noexcept override {
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
    } else {
      arm();
    }
  }

  void displaced() noexcept override {
    registered_ = false;
    set().put_off(*this);
  }

 private:
  int arm() noexcept {
    std::uint32_t wanted = EPOLLONESHOT;
    for (const ring_link* at = watches_.next; at != &watches_; at = at->next) {
      wanted |= static_cast<const epoll_watch*>(at)->polls;
    }
    const int failed = registered_ ? set().change(fd_, wanted) : set().add(*this, fd_, wanted);
    registered_ = registered_ || failed == 0;
    if (failed == EPERM) {
      set().put_off(*this);  // a plain file is always ready
      return 0;
    }
    return failed;
  }

  void move_those_who_want(std::uint32_t events, ring_link& into) noexcept {
    for (ring_link* at = watches_.next; at != &watches_;) {
      auto& each = static_cast<epoll_watch&>(*std::exchange(at, at->next));
      if ((each.polls & events) != 0) {
        each.unlink();
        each.insert_before(into);
      }
    }
  }

  map& all_;
  ring_link watches_;
  std::size_t count_ = 0;
  int fd_;
  bool registered_ = false;
  bool telling_ = false;
};

epoll_watch::~epoll_watch() {
  if (linked()) {
    unlink();
    on.left();
  }
}

class epoll_backend final : public backend {
 public:
  epoll_backend() noexcept : waker_(parts_.set) {}

  int start() noexcept { return parts_.set.valid() ? waker_.start() : errno; }

  std::string_view name() const noexcept override { return "epoll"; }
  time_point now() const noexcept override { return std::chrono::steady_clock::now(); }

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
    auto made =
        std::make_unique<epoll_watch>(*watched, what == readiness::readable ? EPOLLIN | EPOLLRDHUP : EPOLLOUT, events);
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
    parts_.set.wait(until ? &left : nullptr);
    waited_ = until == from ? duration::zero() : now() - from;
  }

  shared_parts parts_;
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
