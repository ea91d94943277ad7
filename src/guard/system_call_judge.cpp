#include "guard/system_call_judge.h"

#include <linux/futex.h>
#include <linux/io_uring.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cstdint>
#include <ctime>

namespace whorl::detail {

namespace {

// Of what a descriptor is of. Those of memory (null, zero, random numbers) never wait.
wait_reason reason_of(const struct stat& of) noexcept {
  constexpr unsigned memory_devices = 1;
  switch (of.st_mode & S_IFMT) {
    case S_IFREG:
    case S_IFDIR:
    case S_IFBLK: return wait_reason::file;
    case S_IFCHR: return major(of.st_rdev) == memory_devices ? wait_reason::none : wait_reason::terminal;
    default: return wait_reason::descriptor;
  }
}

// A descriptor that is none waits for nothing: the call fails.
wait_reason judge_descriptor(std::uint64_t argument) noexcept {
  const int fd = static_cast<int>(argument);
  const int mode = ::fcntl(fd, F_GETFL);
  struct stat of{};
  if (mode < 0 || ::fstat(fd, &of) != 0) {
    return wait_reason::none;
  }
  const wait_reason found = reason_of(of);
  return found != wait_reason::file && (mode & O_NONBLOCK) != 0 ? wait_reason::none : found;
}

// The same two words for a timespec and a timeval.
wait_reason judge_time(std::uint64_t argument) noexcept {
  const auto* time = reinterpret_cast<const timespec*>(argument);
  return time != nullptr && time->tv_sec == 0 && time->tv_nsec == 0 ? wait_reason::none : wait_reason::time;
}

wait_reason judge_futex(std::uint64_t operation) noexcept {
  switch (operation & ~std::uint64_t{FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME}) {
    case FUTEX_WAIT:
    case FUTEX_WAIT_BITSET:
    case FUTEX_LOCK_PI:
    case FUTEX_LOCK_PI2:
    case FUTEX_WAIT_REQUEUE_PI: return wait_reason::always;
    default: return wait_reason::none;
  }
}

wait_reason when(bool waits, wait_reason why) noexcept { return waits ? why : wait_reason::none; }

}  // namespace

const char* describe(wait_reason why) noexcept {
  switch (why) {
    case wait_reason::none: return "it does not wait";
    case wait_reason::descriptor: return "the descriptor is not non-blocking";
    case wait_reason::terminal: return "the device is not non-blocking";
    case wait_reason::file: return "it works on a file system, which no flag makes non-blocking";
    case wait_reason::time: return "it is given a time to wait, or none that ends";
    case wait_reason::always: return "it always does";
  }
  return "";
}

wait_reason judge(const known_system_call& known, const system_call& call) noexcept {
  const std::uint64_t argument = call.arguments[known.argument];
  switch (known.unless) {
    case waits_unless::non_blocking: return judge_descriptor(call.arguments[0]);
    case waits_unless::no_file:
      return when(judge_descriptor(call.arguments[0]) == wait_reason::file, wait_reason::file);
    case waits_unless::message_flag:
      return (argument & known.flag) != 0 ? wait_reason::none : judge_descriptor(call.arguments[0]);
    case waits_unless::flag: return when((argument & known.flag) == 0, wait_reason::always);
    case waits_unless::no_milliseconds: return when(static_cast<int>(argument) != 0, wait_reason::time);
    case waits_unless::no_time: return judge_time(argument);
    case waits_unless::never: return wait_reason::always;
    case waits_unless::file: return wait_reason::file;
    case waits_unless::futex_wakes: return judge_futex(call.arguments[1]);
    case waits_unless::no_lock_wait:
      return when(call.arguments[1] == F_SETLKW || call.arguments[1] == F_OFD_SETLKW, wait_reason::always);
    case waits_unless::no_completions:
      return when(call.arguments[2] != 0 && (call.arguments[3] & IORING_ENTER_GETEVENTS) != 0, wait_reason::always);
    case waits_unless::not_known: return wait_reason::none;
  }
  return wait_reason::none;
}

}  // namespace whorl::detail
