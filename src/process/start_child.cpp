#include "process/start_child.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>

#include "reactor/real_time_exempt.h"

// Code that runs in the child, and may leave no trace in what a sanitizer knows of the parent.
#define WHORL_IN_CHILD __attribute__((no_sanitize("address", "thread", "undefined")))

// clone itself is intercepted by sanitizers, which take the child for a process with memory of its own.
extern "C" int __clone(int (*)(void*), void*, int, void*, ...) noexcept;  // NOLINT(bugprone-reserved-identifier)

namespace whorl::process {

namespace {

constexpr int signals = 64;  // numbered from 1; the kernel's mask of them has a bit for each
constexpr std::size_t stack_bytes = 32768;

// What the kernel's rt_sigaction takes, which may set signals that the C library keeps for itself.
struct kernel_sigaction {
  void (*handler)(int) = nullptr;
  unsigned long flags = 0;
  void (*restorer)() = nullptr;
  std::uint64_t mask = 0;
};

struct report {
  bool failed = false;
  launch_step which{};
  int error_number = 0;
};

struct launch {
  const child_plan* plan;
  report* told;
  pid_t parent;
};

WHORL_IN_CHILD void set_signal_mask(const std::uint64_t* wanted, std::uint64_t* before) noexcept {
  ::syscall(SYS_rt_sigprocmask, SIG_SETMASK, wanted, before, sizeof(std::uint64_t));
}

// Ignored signals too: exec keeps those.
WHORL_IN_CHILD void reset_signals() noexcept {
  const kernel_sigaction standard;
  for (int number = 1; number <= signals; ++number) {
    ::syscall(SYS_rt_sigaction, number, &standard, nullptr, sizeof(std::uint64_t));
  }
}

// 0 stands for whoever writes it.
WHORL_IN_CHILD bool join_cgroup(const child_plan& plan) noexcept {
  if (plan.cgroup_processes == nullptr) return true;
  const long file = ::syscall(SYS_openat, AT_FDCWD, plan.cgroup_processes, O_WRONLY | O_CLOEXEC, 0);
  return file >= 0 && ::syscall(SYS_write, file, "0", 1) == 1 && ::syscall(SYS_close, file) == 0;
}

WHORL_IN_CHILD bool enter_group(const child_plan& plan) noexcept {
  switch (plan.group) {
    case description::group::ours: return true;
    case description::group::own: return ::syscall(SYS_setpgid, 0, 0) == 0;
    case description::group::session: return ::syscall(SYS_setsid) >= 0;
  }
  return false;
}

// A source may have the number of another's target: so those among the targets are first copied to above all of them.
// Everything that is no target is closed.
WHORL_IN_CHILD bool arrange_descriptors(const child_plan& plan) noexcept {
  const descriptor_move* moves = plan.descriptors.data();
  const std::size_t count = plan.descriptors.size();
  const int above = count == 0 ? 0 : moves[count - 1].to + 1;
  std::array<int, most_descriptors> from;  // NOLINT(cppcoreguidelines-pro-type-member-init)
  for (std::size_t i = 0; i < count; ++i) {
    from.data()[i] = moves[i].from < above
                         ? static_cast<int>(::syscall(SYS_fcntl, moves[i].from, F_DUPFD_CLOEXEC, above))
                         : moves[i].from;
    if (from.data()[i] < 0) return false;
  }
  int next = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (::syscall(SYS_dup3, from.data()[i], moves[i].to, 0) < 0) return false;
    if (moves[i].to > next && ::syscall(SYS_close_range, next, moves[i].to - 1, 0) != 0) return false;
    next = moves[i].to + 1;
  }
  return ::syscall(SYS_close_range, next, ~0U, 0) == 0;
}

WHORL_IN_CHILD bool take_terminal(const child_plan& plan) noexcept {
  return plan.terminal < 0 || ::syscall(SYS_ioctl, plan.terminal, TIOCSCTTY, 0) == 0;
}

WHORL_IN_CHILD bool limit_resources(const child_plan& plan) noexcept {
  const resource_limit* limits = plan.limits.data();
  for (std::size_t i = 0, count = plan.limits.size(); i < count; ++i) {
    const rlimit wanted = {limits[i].most, limits[i].most};
    if (::syscall(SYS_prlimit64, 0, limits[i].which, &wanted, nullptr) != 0) return false;
  }
  return true;
}

WHORL_IN_CHILD bool change_directory(const child_plan& plan) noexcept {
  if (plan.file_mask != nullptr) {
    ::syscall(SYS_umask, *plan.file_mask);
  }
  return plan.directory == nullptr || ::syscall(SYS_chdir, plan.directory) == 0;
}

// The C library's setuid would change all threads of the process whose memory this is.
WHORL_IN_CHILD bool change_user(const child_plan& plan) noexcept {
  if (plan.user == nullptr) return true;
  const auto& [user, group, supplementary] = *plan.user;
  return ::syscall(SYS_setgroups, supplementary.size(), supplementary.data()) == 0 &&
         ::syscall(SYS_setresgid, group, group, group) == 0 && ::syscall(SYS_setresuid, user, user, user) == 0;
}

// Becoming another user would have taken the request back. A parent that died before it sends nothing any more.
WHORL_IN_CHILD bool ask_for_death_signal(const child_plan& plan, pid_t parent) noexcept {
  if (plan.death_signal == 0) return true;
  if (::syscall(SYS_prctl, PR_SET_PDEATHSIG, plan.death_signal, 0, 0, 0) != 0) return false;
  errno = ESRCH;
  return ::syscall(SYS_getppid) == parent;
}

// As execvp goes along the PATH.
WHORL_IN_CHILD bool execute(const child_plan& plan) noexcept {
  bool forbidden = false;
  for (const char* const* path = plan.candidates.data(); *path != nullptr; ++path) {
    ::syscall(SYS_execve, *path, plan.arguments.data(), plan.environment.data());
    forbidden = forbidden || errno == EACCES;
    if (errno != EACCES && errno != ENOENT && errno != ENOTDIR) return false;
  }
  errno = forbidden ? EACCES : ENOENT;
  return false;
}

// Returns the step that failed: the last one, if it returns at all.
WHORL_IN_CHILD launch_step take_steps(const launch& at) noexcept {
  const child_plan& plan = *at.plan;
  constexpr std::uint64_t none_blocked = 0;
  reset_signals();
  set_signal_mask(&none_blocked, nullptr);
  if (!join_cgroup(plan)) return launch_step::join_cgroup;
  if (!enter_group(plan)) return launch_step::enter_group;
  if (!arrange_descriptors(plan)) return launch_step::arrange_descriptors;
  if (!take_terminal(plan)) return launch_step::take_terminal;
  if (!limit_resources(plan)) return launch_step::limit_resources;
  if (!change_directory(plan)) return launch_step::change_directory;
  if (!change_user(plan)) return launch_step::change_user;
  if (!ask_for_death_signal(plan, at.parent)) return launch_step::ask_for_death_signal;
  execute(plan);
  return launch_step::execute;
}

WHORL_IN_CHILD int run_child(void* given) noexcept {
  const launch& at = *static_cast<const launch*>(given);
  const launch_step which = take_steps(at);
  at.told->which = which;
  at.told->error_number = errno;
  at.told->failed = true;
  ::syscall(SYS_exit_group, 127);
  return 0;
}

// Fails: a pid of -1, and errno.
WHORL_IN_CHILD pid_t clone_child(launch& at, int flags, int& pidfd) noexcept {
  alignas(64) std::array<std::byte, stack_bytes> stack;  // NOLINT(cppcoreguidelines-pro-type-member-init)
  return __clone(run_child, stack.data() + stack_bytes, flags | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, &at, &pidfd);
}

// A report that a child with memory of its own can still write to.
struct shared_report {
  shared_report() noexcept
      : at(::mmap(nullptr, sizeof(report), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)) {}
  shared_report(const shared_report&) = delete;
  shared_report& operator=(const shared_report&) = delete;
  ~shared_report() {
    if (at != MAP_FAILED) {
      ::munmap(at, sizeof(report));
    }
  }

  void* at;
};

pid_t clone_with_copied_memory(launch& at, int& pidfd, report& came) noexcept {
  const shared_report shared;
  if (shared.at == MAP_FAILED) return -1;
  at.told = static_cast<report*>(shared.at);
  const pid_t pid = clone_child(at, 0, pidfd);
  came = *at.told;
  return pid;
}

}  // namespace

// All signals are blocked meanwhile: a handler of ours that ran in the child would run on this process's memory.
std::expected<started_child, failed_step> start_child(const child_plan& plan, child_memory memory) noexcept {
  // It lasts as long as the kernel takes to read a program's first pages. The child has this thread's memory, and must not report.
  const detail::real_time_exempt because("a child is started by whoever asks for it");
  constexpr std::uint64_t all = ~std::uint64_t{0};
  std::uint64_t before = 0;
  int pidfd = -1;
  report came;
  launch at{.plan = &plan, .told = &came, .parent = ::getpid()};
  set_signal_mask(&all, &before);
  pid_t pid = memory == child_memory::borrowed ? clone_child(at, CLONE_VM, pidfd) : -1;
  if (memory == child_memory::copied || (pid < 0 && (errno == EPERM || errno == ENOSYS || errno == EINVAL))) {
    pid = clone_with_copied_memory(at, pidfd, came);
  }
  const int error_number = errno;
  set_signal_mask(&before, nullptr);

  if (pid < 0) {
    return std::unexpected(failed_step{launch_step::fork, error_number});
  }
  started_child made{.pid = pid, .pidfd = unique_fd(pidfd)};
  if (came.failed) {
    siginfo_t ignored;
    while (::waitid(P_PIDFD, static_cast<id_t>(pidfd), &ignored, WEXITED) != 0 && errno == EINTR) {
    }
    return std::unexpected(failed_step{came.which, came.error_number});
  }
  return made;
}

}  // namespace whorl::process
