#include <fmt/format.h>
#include <linux/io_uring.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <whorl/guard/thread_look.h>
#include <whorl/guard/waiting_call.h>
#include <whorl/reactor/wrong_thread.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <span>
#include <sstream>
#include <string_view>
#include <system_error>
#include <utility>

#include "guard/process_stack.h"
#include "guard/stack_copy.h"
#include "guard/system_calls.h"
#include "guard/thread_state.h"

namespace whorl {

namespace {

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

// io_uring_enter(2): a ring may be known to its thread by an index instead.
bool is_ring_index(long number, std::span<const unsigned long, 6> arguments) {
  return number == SYS_io_uring_enter && (arguments[3] & IORING_ENTER_REGISTERED_RING) != 0;
}

std::string waits_on(long number) {
  switch (number) {
    case SYS_futex: return "a lock, a condition or a thread";
    case SYS_nanosleep:
    case SYS_clock_nanosleep: return "a time";
    case SYS_wait4:
    case SYS_waitid: return "a child process";
    case SYS_io_uring_enter: return "a ring";
    default: return {};
  }
}

std::optional<detail::thread_snapshot> stack_of(pid_t thread, const detail::thread_moment& state) {
  if (!state.asleep) {
    return detail::stack_of_running(thread);
  }
  return state.instruction == 0 ? std::nullopt
                                : std::optional(detail::stack_of_sleeping(state.stack_pointer, state.instruction));
}

std::string stacks_of_both(int other_thread) {
  ucontext_t here{};
  ::getcontext(&here);
  const auto mine = std::make_unique<detail::stack_copy>();
  detail::copy_stack(*mine, here);
  const thread_look other = look_at(other_thread);
  return fmt::format("called from {}; the loop's thread is {} at {}",
                     describe(resolve(detail::unwind(mine->snapshot()))), other.describe(),
                     describe(resolve(other.stack)));
}

// From its start on, a program that this is part of tells stacks of wrong threads.
[[maybe_unused]] const bool tells_stacks = (detail::tell_stacks = &stacks_of_both, true);

}  // namespace

// proc(5): "running", or "-1 SP PC" where it sleeps outside of any system call, or the call, six arguments, SP and PC.
detail::thread_moment detail::state_of(pid_t process, pid_t thread) {
  thread_moment seen;
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
    const known_system_call* known = find_waiting_system_call(number);
    seen.call = known != nullptr ? std::string(known->name) : fmt::format("system call {}", number);
    const bool on_descriptor = known != nullptr && known->has_descriptor() && !is_ring_index(number, arguments);
    seen.on = on_descriptor ? descriptor_text(process, arguments[0]) : waits_on(number);
  } else {
    seen.on = first_line(folder + "wchan");
  }
  text >> seen.stack_pointer >> seen.instruction;
  return seen;
}

// Documentation/scheduler/sched-stats.rst: nanoseconds on a processor, nanoseconds waiting for one, time slices.
std::chrono::nanoseconds detail::time_without_processor(pid_t thread) {
  std::istringstream text(first_line(fmt::format("/proc/self/task/{}/schedstat", thread)));
  std::int64_t ran = 0;
  std::int64_t waited = 0;
  text >> ran >> waited;
  return std::chrono::nanoseconds(text ? waited : 0);
}

std::string describe_descriptor(int number) { return descriptor_text(::getpid(), static_cast<unsigned long>(number)); }

pid_t this_thread_number() noexcept { return ::gettid(); }

bool asleep(pid_t thread) {
  const std::string text = first_line(fmt::format("/proc/self/task/{}/syscall", thread));
  return !text.empty() && text != "running";
}

thread_look look_at(pid_t thread) {
  const unobserved own_doing;
  detail::thread_moment state = detail::state_of(::getpid(), thread);
  thread_look seen{.asleep = state.asleep, .call = std::move(state.call), .on = std::move(state.on), .stack = {}};
  if (const auto taken = stack_of(thread, state)) {
    seen.stack = detail::unwind(*taken);
  }
  return seen;
}

std::string detail::thread_moment::describe() const {
  if (!asleep) {
    return "computing";
  }
  if (call.empty()) {
    return fmt::format("asleep in the kernel ({})", on);
  }
  return on.empty() ? fmt::format("asleep in {}", call) : fmt::format("asleep in {} ({})", call, on);
}

std::string thread_look::describe() const {
  return detail::thread_moment{.exists = true, .asleep = asleep, .call = call, .on = on}.describe();
}

}  // namespace whorl
