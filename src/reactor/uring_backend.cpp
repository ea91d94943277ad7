// The back end on io_uring: what the ring's clients do, in turns. See uring_requests.h for how they work together.
#include "reactor/uring_backend.h"

#include <sys/eventfd.h>
#include <whorl/reactor/backend.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <utility>

#include "reactor/real_time_exempt.h"
#include "reactor/uring_connector.h"
#include "reactor/uring_listener.h"
#include "reactor/uring_requests.h"
#include "reactor/uring_watch.h"

namespace whorl {

namespace {

// Ends the wait when another thread asks: a read of an eventfd that is always under way.
class uring_waker final : public uring_client {
 public:
  uring_waker(uring_requests& requests, unique_fd eventfd) noexcept
      : uring_client(requests), eventfd_(std::move(eventfd)) {
    settle_later();
  }

  // Thread: any, and signal handlers. Cost: a system call, if none is on its way already.
  void wake() noexcept {
    if (!woken_.exchange(true)) {
      const int kept_errno = errno;
      const std::uint64_t one = 1;
      const detail::real_time_exempt because("an eventfd counts further than the wakes that it is given");
      static_cast<void>(::write(eventfd_.get(), &one, sizeof one));
      errno = kept_errno;
    }
  }

 private:
  enum : kind { read };

  void settle() noexcept override {
    if (!under_way(read)) {
      io_uring_sqe& entry = request(read, IORING_OP_READ, eventfd_.get());
      entry.addr = reinterpret_cast<std::uint64_t>(&count_);
      entry.len = sizeof count_;
    }
  }

  void completed(kind /*which*/, int /*result*/, unsigned /*flags*/) noexcept override { woken_.exchange(false); }

  unique_fd eventfd_;
  std::uint64_t count_ = 0;
  std::atomic<bool> woken_ = false;
};

class uring_backend final : public backend {
 public:
  uring_backend(uring ring, uring_buffers buffers, unique_fd eventfd)
      : requests_(std::move(ring), std::move(buffers)), waker_(*new uring_waker(requests_, std::move(eventfd))) {}
  ~uring_backend() override { waker_.abandon(); }

  std::string_view name() const noexcept override { return "uring"; }
  time_point now() const noexcept override { return monotonic_now(); }

  result<std::unique_ptr<listener>> listen(const address& at, const listen_options& options,
                                           accept_events& events) override {
    result<listening_socket> opened = open_listening_socket(at, options);
    if (!opened) {
      return std::unexpected(std::move(opened.error()));
    }
    return uring_listener::open(requests_, std::move(*opened), events);
  }

  std::unique_ptr<connector> connect(const address& to, connect_events& events) override {
    return uring_connector::open(requests_, to, events);
  }

  result<std::unique_ptr<watch>> watch_once(int fd, readiness what, watch_events& events) override {
    return uring_watch::open(requests_, fd, what, events);
  }

  void turn(std::optional<time_point> until) noexcept override {
    waited_ = {};
    requests_.hand_over();
    record().goes_on();
    // Sends complete as they are handed over, so mostly there is something to deliver already.
    if (!requests_.has_completions()) {
      wait(until);
    }
    requests_.deliver();
  }

  void wake() noexcept override { waker_.wake(); }

 private:
  void wait(std::optional<time_point> until) noexcept {
    const time_point before = now();
    rests();
    if (!until) {
      requests_.wait({});
    } else {
      requests_.wait(*until - before);
    }
    woke_at(now(), before);
  }

  uring_requests requests_;
  uring_waker& waker_;
};

}  // namespace

result<std::unique_ptr<backend>> make_uring_backend() { return make_uring_backend({}, {}); }

result<std::unique_ptr<backend>> make_uring_backend(uring_size size, std::optional<buffer_use> use) {
  unique_fd eventfd(::eventfd(0, EFD_CLOEXEC));
  if (!eventfd) {
    return std::unexpected(error::system(errno, "make an eventfd for io_uring"));
  }
  result<uring> ring = uring::open(size);
  if (!ring) {
    return std::unexpected(std::move(ring.error()));
  }
  result<uring_buffers> buffers = use ? uring_buffers::open(*ring, *use) : uring_buffers::open(*ring);
  if (!buffers) {
    return std::unexpected(std::move(buffers.error()));
  }
  return std::make_unique<uring_backend>(std::move(*ring), std::move(*buffers), std::move(eventfd));
}

}  // namespace whorl
