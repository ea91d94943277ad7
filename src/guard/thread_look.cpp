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
#include <utility>

#include "guard/stack_walk.h"
#include "guard/thread_state.h"

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

std::string descriptor_text(pid_t process, unsigned long number) {
  std::error_code ignored;
  const auto target = std::filesystem::read_symlink(fmt::format("/proc/{}/fd/{}", process, number), ignored);
  return fmt::format("descriptor {}{}{}", number, ignored ? "" : ", ", target.string());
}

std::string waits_on(long number) {
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

// proc(5): "running", or "-1 SP PC" where it sleeps outside of any system call, or the call, six arguments, SP and PC.
detail::thread_state detail::state_of(pid_t process, pid_t thread) {
  thread_state seen;
  const std::string folder = fmt::format("/proc/{}/task/{}/", process, thread);
  std::istringstream text(first_line(folder + "syscall"));
  seen.exists = !text.view().empty();
  long number = 0;
  if (!(text >> number)) {
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
    const bool on_descriptor = is_known && known->first == waits_for::descriptor;
    seen.on = on_descriptor ? descriptor_text(process, arguments[0]) : waits_on(number);
  } else {
    seen.on = first_line(folder + "wchan");
  }
  text >> seen.stack_pointer >> seen.instruction;
  return seen;
}

std::string describe_descriptor(int number) { return descriptor_text(::getpid(), static_cast<unsigned long>(number)); }

pid_t this_thread_number() noexcept { return static_cast<pid_t>(::syscall(SYS_gettid)); }

bool asleep(pid_t thread) {
  const std::string text = first_line(fmt::format("/proc/self/task/{}/syscall", thread));
  return !text.empty() && text != "running";
}

thread_look look_at(pid_t thread) {
  detail::thread_state state = detail::state_of(::getpid(), thread);
  thread_look seen{.asleep = state.asleep, .call = std::move(state.call), .on = std::move(state.on), .stack = {}};
  if (!state.asleep) {
    seen.stack = detail::stack_of_running(thread);
  } else if (state.instruction != 0) {
    seen.stack = detail::stack_of_sleeping(state.stack_pointer, state.instruction);
  }
  return seen;
}

std::string detail::thread_state::describe() const {
  if (!asleep) {
    return "computing";
  }
  if (call.empty()) {
    return fmt::format("asleep in the kernel ({})", on);
  }
  return on.empty() ? fmt::format("asleep in {}", call) : fmt::format("asleep in {} ({})", call, on);
}

std::string thread_look::describe() const {
  return detail::thread_state{.exists = true, .asleep = asleep, .call = call, .on = on}.describe();
}

}  // namespace whorl
