#include <fmt/format.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <whorl/guard/thread_look.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string_view>
#include <system_error>

#include "guard/stack_walk.h"

namespace whorl {

namespace {

// Whether the first argument is a descriptor.
enum class waits_for : std::uint8_t { descriptor, other };

struct known_call {
  long number;
  std::string_view name;
  waits_for first = waits_for::other;
};

// Those in which a thread can sleep for long.
constexpr std::array known_calls{
    known_call{SYS_read, "read", waits_for::descriptor},
    known_call{SYS_readv, "readv", waits_for::descriptor},
    known_call{SYS_pread64, "pread", waits_for::descriptor},
    known_call{SYS_write, "write", waits_for::descriptor},
    known_call{SYS_writev, "writev", waits_for::descriptor},
    known_call{SYS_pwrite64, "pwrite", waits_for::descriptor},
    known_call{SYS_recvfrom, "recv", waits_for::descriptor},
    known_call{SYS_recvmsg, "recvmsg", waits_for::descriptor},
    known_call{SYS_sendto, "send", waits_for::descriptor},
    known_call{SYS_sendmsg, "sendmsg", waits_for::descriptor},
    known_call{SYS_accept, "accept", waits_for::descriptor},
    known_call{SYS_accept4, "accept4", waits_for::descriptor},
    known_call{SYS_connect, "connect", waits_for::descriptor},
    known_call{SYS_flock, "flock", waits_for::descriptor},
    known_call{SYS_fcntl, "fcntl", waits_for::descriptor},
    known_call{SYS_fsync, "fsync", waits_for::descriptor},
    known_call{SYS_fdatasync, "fdatasync", waits_for::descriptor},
    known_call{SYS_epoll_pwait, "epoll_wait", waits_for::descriptor},
    known_call{SYS_epoll_pwait2, "epoll_wait", waits_for::descriptor},
    known_call{SYS_io_uring_enter, "io_uring_enter", waits_for::descriptor},
    known_call{SYS_sendfile, "sendfile", waits_for::descriptor},
    known_call{SYS_splice, "splice", waits_for::descriptor},
    known_call{SYS_ioctl, "ioctl", waits_for::descriptor},
#if defined(SYS_poll)
    known_call{SYS_poll, "poll"},
    known_call{SYS_select, "select"},
    known_call{SYS_pause, "pause"},
    known_call{SYS_open, "open"},
    known_call{SYS_epoll_wait, "epoll_wait", waits_for::descriptor},
#endif
    known_call{SYS_ppoll, "poll"},
    known_call{SYS_pselect6, "select"},
    known_call{SYS_openat, "open"},
    known_call{SYS_futex, "futex"},
    known_call{SYS_nanosleep, "nanosleep"},
    known_call{SYS_clock_nanosleep, "clock_nanosleep"},
    known_call{SYS_wait4, "wait4"},
    known_call{SYS_waitid, "waitid"},
    known_call{SYS_rt_sigtimedwait, "sigtimedwait"},
    known_call{SYS_rt_sigsuspend, "sigsuspend"},
    known_call{SYS_semtimedop, "semtimedop"},
    known_call{SYS_msgrcv, "msgrcv"},
    known_call{SYS_msgsnd, "msgsnd"},
    known_call{SYS_getrandom, "getrandom"},
    known_call{SYS_sync, "sync"},
};

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

std::string waits_on(long number, unsigned long first_argument, waits_for first) {
  if (first == waits_for::descriptor) {
    return describe_descriptor(static_cast<int>(first_argument));
  }
  switch (number) {
    case SYS_futex: return "a lock, a condition or a thread";
    case SYS_nanosleep:
    case SYS_clock_nanosleep: return "a time";
    case SYS_wait4:
    case SYS_waitid: return "a child process";
    default: return {};
  }
}

}  // namespace

std::string describe_descriptor(int number) {
  std::error_code ignored;
  const auto target = std::filesystem::read_symlink(fmt::format("/proc/self/fd/{}", number), ignored);
  return fmt::format("descriptor {}{}{}", number, ignored ? "" : ", ", target.string());
}

pid_t this_thread_number() noexcept { return static_cast<pid_t>(::syscall(SYS_gettid)); }

bool asleep(pid_t thread) {
  const std::string text = first_line(fmt::format("/proc/self/task/{}/syscall", thread));
  return !text.empty() && text != "running";
}

// proc(5): "running", or "-1 SP PC" where it sleeps outside of any system call, or the call, six arguments, SP and PC.
thread_look look_at(pid_t thread) {
  thread_look seen;
  const std::string folder = fmt::format("/proc/self/task/{}/", thread);
  std::istringstream text(first_line(folder + "syscall"));
  long number = 0;
  if (!(text >> number)) {
    seen.stack = detail::stack_of_running(thread);
    return seen;
  }
  seen.asleep = true;
  std::array<unsigned long, 6> arguments{};
  text >> std::hex;
  if (number >= 0) {
    for (unsigned long& each : arguments) {
      text >> each;
    }
    const auto* known = std::ranges::find(known_calls, number, &known_call::number);
    const bool is_known = known != known_calls.end();
    seen.call = is_known ? std::string(known->name) : fmt::format("system call {}", number);
    seen.on = waits_on(number, arguments[0], is_known ? known->first : waits_for::other);
  } else {
    seen.on = first_line(folder + "wchan");
  }
  std::uintptr_t stack_pointer = 0;
  std::uintptr_t instruction = 0;
  if (text >> stack_pointer >> instruction) {
    seen.stack = detail::stack_of_sleeping(stack_pointer, instruction);
  }
  return seen;
}

std::string thread_look::describe() const {
  if (!asleep) {
    return "computing";
  }
  if (call.empty()) {
    return fmt::format("asleep in the kernel ({})", on);
  }
  return on.empty() ? fmt::format("asleep in {}", call) : fmt::format("asleep in {} ({})", call, on);
}

}  // namespace whorl
