// The worker's side of a process_pool: reads a call, runs it, answers.

#include <whorl/places/work_queue.h>
#include <whorl/process/process_function.h>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <new>
#include <string>
#include <string_view>

#include "process/worker_frame.h"

namespace whorl {

namespace {

using namespace process;

// Nothing can be said any more to whoever would listen.
[[noreturn]] void give_up(const char* doing) {
  fmt::print(stderr, "worker process: {}: {}\n", doing, std::system_category().message(errno));
  std::fflush(stderr);
  ::_exit(1);
}

// Sends a signal that ends the process when one call has used up its share of CPU.
class cpu_alarm {
 public:
  cpu_alarm() {
    sigevent event{};
    event.sigev_notify = SIGEV_SIGNAL;
    event.sigev_signo = SIGXCPU;
    if (::timer_create(CLOCK_PROCESS_CPUTIME_ID, &event, &timer_) != 0) give_up("make a timer of CPU time");
  }

  void set(std::int64_t nanoseconds) const {
    constexpr std::int64_t a_second = 1'000'000'000;
    itimerspec when{};
    when.it_value = {.tv_sec = nanoseconds / a_second, .tv_nsec = nanoseconds % a_second};
    ::timer_settime(timer_, 0, &when, nullptr);
  }

 private:
  timer_t timer_{};
};

class worker : private blocking_place {
 public:
  worker();
  [[noreturn]] void serve();

 private:
  void take_call(const frame_header& header);
  void run(const frame_header& header, const detail::known_function& function, std::string_view arguments);
  std::string call(const detail::known_function& function, std::string_view arguments, frame_kind& kind);
  void answer(frame_header header, std::string payload);
  std::uint64_t resident_bytes() const;

  const pid_t pid_ = ::getpid();
  const shared_memory memory_{unique_fd(memory_fd)};
  const std::size_t most_packed_bytes_ = memory_.size();
  const unique_fd home_{::open(".", O_PATH | O_DIRECTORY | O_CLOEXEC)};
  const unique_fd statm_{::open("/proc/self/statm", O_RDONLY | O_CLOEXEC)};
  const cpu_alarm alarm_;
  may_block permission_ = permission();
};

// False at the end of what comes, if nothing of it had come.
bool read_all(char* into, std::size_t bytes) {
  std::size_t done = 0;
  while (done < bytes) {
    const ssize_t got = ::read(requests_fd, into + done, bytes - done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) give_up("read a call");
    if (got == 0) return false;
    done += static_cast<std::size_t>(got);
  }
  return true;
}

void write_all(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t put = ::write(answers_fd, bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) give_up("write an answer");
    bytes.remove_prefix(static_cast<std::size_t>(put));
  }
}

// What a call executes shall not hold the pool's pipes.
worker::worker() {
  ::prctl(PR_SET_NAME, "whorl worker");
  for (const int fd : {requests_fd, answers_fd, memory_fd}) {
    if (::fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) give_up("find the descriptors that a pool gives its workers");
  }
}

void worker::serve() {
  answer({.kind = frame_kind::ready}, {});
  std::array<char, sizeof(frame_header)> bytes{};
  while (read_all(bytes.data(), bytes.size())) {
    take_call(header_of({bytes.data(), bytes.size()}));
  }
  ::_exit(0);  // the pool is gone, and wants nothing flushed or destroyed
}

void worker::take_call(const frame_header& header) {
  std::string bytes(header.bytes_in_pipe(), '\0');
  if (!read_all(bytes.data(), bytes.size())) ::_exit(0);
  const std::string_view name = std::string_view(bytes).substr(0, header.name_bytes);
  const detail::known_function* function = detail::find_known(name);
  if (function == nullptr) {
    return answer(
        {.kind = frame_kind::failed, .serial = header.serial},
        pack_error(error(errc::not_found,
                         fmt::format("worker processes do not know the function \"{}\"; the program that they "
                                     "run must be the one that calls it",
                                     name))));
  }
  if (header.payload_bytes <= most_bytes_in_pipe) {
    return run(header, *function, std::string_view(bytes).substr(header.name_bytes));
  }
  const auto arguments = memory_.read(header.payload_bytes);
  if (!arguments) give_up("read the arguments of a call");
  run(header, *function, *arguments);
}

void worker::run(const frame_header& header, const detail::known_function& function, std::string_view arguments) {
  if (::fchdir(home_.get()) != 0) give_up("go back to the pool's directory");
  alarm_.set(header.cpu_limit_nanoseconds);
  frame_header answering{.kind = frame_kind::done, .serial = header.serial};
  std::string payload = call(function, arguments, answering.kind);
  alarm_.set(0);
  if (::getpid() != pid_) ::_exit(0);  // the call forked, and this is the copy: it has nothing to say to the pool
  std::fflush(nullptr);
  answering.resident_bytes = resident_bytes();
  answer(answering, std::move(payload));
}

std::string worker::call(const detail::known_function& function, std::string_view arguments, frame_kind& kind) {
  const auto failed_with = [&](const error& why) {
    kind = frame_kind::failed;
    return pack_error(why);
  };
  try {
    unpacker from(arguments);
    return function.call(function.function, permission_, from);
  } catch (const error& why) {
    return failed_with(why);
  } catch (const std::bad_alloc&) {
    return failed_with(
        error(std::make_error_code(std::errc::not_enough_memory),
              fmt::format("\"{}\" ran out of memory in its worker process; give it less at once, or raise "
                          "the pool's address_space_bytes",
                          function.name)));
  } catch (const std::exception& why) {
    return failed_with(error(errc::exception, fmt::format("\"{}\" threw an exception: {}", function.name, why.what())));
  } catch (...) {
    return failed_with(error(errc::exception, fmt::format("\"{}\" threw what is not a std::exception", function.name)));
  }
}

void worker::answer(frame_header header, std::string payload) {
  if (payload.size() > most_packed_bytes_) {
    header.kind = frame_kind::failed;
    payload = pack_error(
        error(errc::too_large,
              fmt::format("the result of a call takes {} bytes, more than the {} that the pool allows; ask for "
                          "less at once, or raise its most_packed_bytes",
                          payload.size(), most_packed_bytes_)));
  }
  if (payload.size() > most_bytes_in_pipe) {
    if (const auto written = memory_.write(payload); !written) {
      header.kind = frame_kind::failed;
      payload = pack_error(written.error());
    }
  }
  write_all(frame_of(header, {}, payload));
}

// The second number in statm, in pages.
std::uint64_t worker::resident_bytes() const {
  std::array<char, 128> text{};
  const ssize_t got = ::pread(statm_.get(), text.data(), text.size() - 1, 0);
  const char* const end = text.data() + std::max<ssize_t>(got, 0);
  const char* at = std::find(static_cast<const char*>(text.data()), end, ' ');
  std::uint64_t pages = 0;
  if (at != end) std::from_chars(at + 1, end, pages);
  static const auto page_bytes = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  return pages * page_bytes;
}

}  // namespace

void run_worker_if_asked() {
  if (std::getenv(asked_to_work) == nullptr) return;
  ::unsetenv(asked_to_work);  // what a call executes is no worker
  worker().serve();
}

}  // namespace whorl
