#include "process/pipes.h"

#include <whorl/deferred/log.h>

#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <span>
#include <utility>

#include "reactor/real_time_exempt.h"

namespace whorl::process {

namespace {

constexpr std::size_t read_bytes = 65536;         // what a pipe holds where nobody has asked for more
constexpr std::size_t drain_bytes = 1024 * 1024;  // what a pipe can hold

// Writing to a pipe that nobody reads raises SIGPIPE; here it is an errno alone, whatever the program does with SIGPIPE.
class no_sigpipe {
 public:
  no_sigpipe() noexcept {
    sigset_t pending;
    ::sigpending(&pending);
    was_pending_ = ::sigismember(&pending, SIGPIPE) == 1;
    ::sigemptyset(&sigpipe_);
    ::sigaddset(&sigpipe_, SIGPIPE);
    ::pthread_sigmask(SIG_BLOCK, &sigpipe_, &before_);
  }
  no_sigpipe(const no_sigpipe&) = delete;
  no_sigpipe& operator=(const no_sigpipe&) = delete;
  ~no_sigpipe() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

  void swallow() noexcept {
    const timespec at_once{};
    if (!was_pending_) {
      ::sigtimedwait(&sigpipe_, nullptr, &at_once);
    }
  }

 private:
  sigset_t sigpipe_;
  sigset_t before_;
  bool was_pending_;
};

ssize_t write_without_signal(int fd, const iovec* pieces, int count) noexcept {
  const detail::real_time_exempt because("the pipe is non-blocking");
  no_sigpipe guard;
  const ssize_t written = ::writev(fd, pieces, count);
  const int error_number = errno;
  if (written < 0 && error_number == EPIPE) {
    guard.swallow();
  }
  errno = error_number;
  return written;
}

ssize_t read_without_waiting(int fd, std::span<std::byte> into) noexcept {
  const detail::real_time_exempt because("the pipe is non-blocking");
  ssize_t came = 0;
  do {
    came = ::read(fd, into.data(), into.size());
  } while (came < 0 && errno == EINTR);
  return came;
}

void log_unwatched(const error& why) noexcept {
  log(log_level::error, "a pipe of a child process cannot be watched, and is closed", {{"why", why.message()}});
}

}  // namespace

output_pipe::output_pipe(pipe_owner& owner, int child_fd, unique_fd fd) noexcept
    : owner_(owner), fd_(std::move(fd)), readable_([this]() noexcept { ready(); }), child_fd_(child_fd) {
  receive();
}

void output_pipe::pause() noexcept {
  paused_ = true;
  readable_.disarm();
}

void output_pipe::resume() noexcept {
  paused_ = false;
  receive();
}

void output_pipe::end() noexcept {
  readable_.disarm();
  if (!std::exchange(ended_, true)) {
    owner_.settle_later();
  }
}

void output_pipe::ready() noexcept {
  read_once();
  receive();
}

int output_pipe::resize_terminal(terminal_size size) noexcept {
  const winsize wanted = {.ws_row = size.rows, .ws_col = size.columns, .ws_xpixel = 0, .ws_ypixel = 0};
  return ::ioctl(fd_.get(), TIOCSWINSZ, &wanted) == 0 ? 0 : errno;
}

void output_pipe::drain() noexcept {
  for (std::size_t reads = 0; reads < drain_bytes / read_bytes && !ended_; ++reads) {
    if (!read_once()) break;
  }
  end();
}

// Once a turn, so that no child keeps the loop to itself. EIO is how a terminal says that nobody has it open any more.
bool output_pipe::read_once() noexcept {
  std::array<std::byte, read_bytes> buffer;
  const ssize_t came = read_without_waiting(fd_.get(), buffer);
  if (came > 0) {
    owner_.output_came(child_fd_, bytes_view(buffer.data(), static_cast<std::size_t>(came)));
    return true;
  }
  if (came == 0 || errno != EAGAIN) {
    end();
  }
  return false;
}

void output_pipe::receive() noexcept {
  if (ended_ || paused_) return;
  if (auto armed = readable_.arm(owner_.io(), fd_.get(), readiness::readable); !armed) {
    log_unwatched(armed.error());
    end();
  }
}

// Nothing can ever be read from a pipe's writing end, but that its reader is gone can be noticed.
input_pipe::input_pipe(pipe_owner& owner, kind what, unique_fd fd) noexcept
    : owner_(owner),
      fd_(std::move(fd)),
      writable_([this]() noexcept { owner_.settle_later(); }),
      hung_up_([this]() noexcept { end(); }) {
  if (what == kind::terminal) return;
  if (auto armed = hung_up_.arm(owner_.io(), fd_.get(), readiness::readable); !armed) {
    log_unwatched(armed.error());
    end();
  }
}

void input_pipe::write(std::string bytes) {
  if (ended_ || closing_) {
    log(log_level::debug, "bytes written to a child's descriptor that was closed are dropped");
    return;
  }
  unsent_.append(std::move(bytes));
  owner_.settle_later();
}

void input_pipe::close() noexcept {
  closing_ = true;
  owner_.settle_later();
}

void input_pipe::end() noexcept {
  writable_.disarm();
  hung_up_.disarm();
  unsent_.clear();
  if (!std::exchange(ended_, true)) {
    owner_.settle_later();
  }
}

void input_pipe::flush() noexcept {
  while (!ended_ && !unsent_.empty() && write_once()) {
  }
  if (ended_) return;
  if (unsent_.empty()) {
    if (closing_) end();
    return;
  }
  if (auto armed = writable_.arm(owner_.io(), fd_.get(), readiness::writable); !armed) {
    log_unwatched(armed.error());
    end();
  }
}

bool input_pipe::write_once() noexcept {
  std::array<iovec, 16> pieces;
  const std::size_t count = unsent_.gather(pieces);
  const ssize_t written = write_without_signal(fd_.get(), pieces.data(), static_cast<int>(count));
  if (written > 0) {
    unsent_.consume(static_cast<std::size_t>(written));
    return true;
  }
  if (errno == EINTR) return true;
  if (errno != EAGAIN) end();
  return false;
}

}  // namespace whorl::process
