#include "guard/system_call_trap.h"

#include <sys/prctl.h>
#include <unistd.h>
#include <whorl/deferred/mutex.h>
#include <whorl/deferred/platform.h>
#include <whorl/guard/permit_blocking.h>
#include <whorl/guard/thread_look.h>
#include <whorl/guard/waiting_call.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>

// How a call goes: the kernel finds the gate shut, undoes the call and sends SIGSYS; the handler opens the gate, judges
// the call, makes it, puts its result where the caller looks for it, shuts the gate and returns. The return is a system
// call too (rt_sigreturn): it is made from a few bytes of our own, which the kernel lets pass whatever the gate says. The
// kernel compares the address behind the system call's instruction, so that something must follow it there.

namespace whorl {

void strict_mode::trap::look_at(const detail::system_call& call, const ucontext_t& caller) noexcept {
  const bool guard_is_at_work = detail::observing;
  const unobserved own_doing;
  ++calls_;
  if (guard_is_at_work) {
    return;
  }
  const detail::known_system_call* known = detail::find_waiting_system_call(call.number);
  const auto why = known == nullptr ? detail::wait_reason::none : judge(*known, call);
  if (why == detail::wait_reason::none || (why == detail::wait_reason::file && treatment_ == files::are_fine) ||
      detail::blocking_is_permitted(thread_, heart_)) {
    return;
  }
  if (count_ == findings_.size()) {
    ++lost_;
    return;
  }
  seen& found = findings_[count_];
  detail::copy_stack(found.stack, caller);
  found.frames = detail::frame_chain(found.stack.at(detail::known_registers::frame_pointer));
  const auto same = [&](const seen& other) {
    constexpr std::size_t instruction = detail::known_registers::instruction;
    return other.known == known && other.stack.at(instruction) == found.stack.at(instruction) &&
           other.frames == found.frames;
  };
  if (const auto before =
          std::find_if(findings_.begin(), findings_.begin() + static_cast<std::ptrdiff_t>(count_), same);
      before != findings_.begin() + static_cast<std::ptrdiff_t>(count_)) {
    ++before->times;
    return;
  }
  found.known = known;
  found.call = call;
  found.why = why;
  found.callback = heart_.last();
  found.times = 1;
  found.on = {};
  if (known->has_descriptor()) {
    std::array<char, 32> path{"/proc/self/fd/"};
    char* digits = path.data() + std::strlen(path.data());
    *std::to_chars(digits, path.data() + path.size() - 1, static_cast<int>(call.arguments[0])).ptr = 0;
    static_cast<void>(!::readlink(path.data(), found.on.data(), found.on.size() - 1));
  }
  ++count_;
}

#if defined(__x86_64__) && !WHORL_SANITIZED

namespace {

// Newer than some headers.
constexpr int set_dispatch = 59;  // PR_SET_SYSCALL_USER_DISPATCH
constexpr unsigned long dispatch_off = 0;
constexpr unsigned long dispatch_on = 1;

WHORL_FAST_THREAD_LOCAL constinit thread_local strict_mode::trap* trap_here = nullptr;

asm(R"(
  .text
  .hidden whorl_trap_return
  .hidden whorl_trap_return_end
  .globl whorl_trap_return
  .globl whorl_trap_return_end
  .type whorl_trap_return, @function
whorl_trap_return:
  mov $15, %eax
  syscall
  nop
whorl_trap_return_end:
  .size whorl_trap_return, . - whorl_trap_return
)");

extern "C" {
[[gnu::visibility("hidden")]] extern const char whorl_trap_return;
[[gnu::visibility("hidden")]] extern const char whorl_trap_return_end;
}

// Past libc's, which puts its own return into every action.
struct kernel_action {
  void (*handler)(int, siginfo_t*, void*);
  unsigned long flags;
  const char* restorer;
  std::uint64_t mask;
};

constexpr unsigned long has_restorer = 0x04000000;  // SA_RESTORER

int set_action(const kernel_action* action, kernel_action* before) noexcept {
  return static_cast<int>(::syscall(SYS_rt_sigaction, SIGSYS, action, before, sizeof(std::uint64_t)));
}

long make(const detail::system_call& call) noexcept {
  const auto& [a, b, c, d, e, f] = call.arguments;
  long result = call.number;
  register std::uint64_t r10 asm("r10") = d;
  register std::uint64_t r8 asm("r8") = e;
  register std::uint64_t r9 asm("r9") = f;
  asm volatile("syscall" : "+a"(result) : "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
  return result;
}

// Those that must be made by the caller itself, on its own stack and with its own registers.
bool needs_caller(long number) noexcept {
  switch (number) {
    case SYS_clone:
    case SYS_clone3:
    case SYS_fork:
    case SYS_vfork:
    case SYS_execve:
    case SYS_execveat:
    case SYS_exit:
    case SYS_exit_group:
    case SYS_sigaltstack: return true;
    default: return false;
  }
}

// The mask that the handler's return restores is the one to change; and SIGSYS stays open, for the kernel ends a process
// that it cannot ask.
long change_mask(const detail::system_call& call, ucontext_t& caller) noexcept {
  std::uint64_t& mask = *reinterpret_cast<std::uint64_t*>(&caller.uc_sigmask);
  const auto* given = reinterpret_cast<const std::uint64_t*>(call.arguments[1]);
  auto* before = reinterpret_cast<std::uint64_t*>(call.arguments[2]);
  const std::uint64_t change = given == nullptr ? 0 : *given;
  if (before != nullptr) {
    *before = mask;
  }
  if (given != nullptr) {
    switch (call.arguments[0]) {
      case SIG_BLOCK: mask |= change; break;
      case SIG_UNBLOCK: mask &= ~change; break;
      case SIG_SETMASK: mask = change; break;
      default: return -EINVAL;
    }
    mask &= ~(std::uint64_t{1} << (SIGSYS - 1));
  }
  return 0;
}

void on_system_call(int /*number*/, siginfo_t* from, void* context) {
  constexpr int by_dispatch = 2;  // SYS_USER_DISPATCH
  if (from->si_code != by_dispatch) {
    return;
  }
  strict_mode::trap& here = *trap_here;
  here.gate().store(0, std::memory_order_relaxed);
  const int kept_errno = errno;
  auto& caller = *static_cast<ucontext_t*>(context);
  auto& registers = caller.uc_mcontext.gregs;
  const auto argument = [&](int which) { return static_cast<std::uint64_t>(registers[which]); };
  const detail::system_call call{.number = registers[REG_RAX],
                                 .arguments = {argument(REG_RDI), argument(REG_RSI), argument(REG_RDX),
                                               argument(REG_R10), argument(REG_R8), argument(REG_R9)}};
  if (needs_caller(call.number)) {
    constexpr int length_of_instruction = 2;
    registers[REG_RIP] -= length_of_instruction;  // once more, and the gate stays open
    errno = kept_errno;
    return;
  }
  if (call.number == SYS_rt_sigreturn) {
    registers[REG_RIP] = reinterpret_cast<greg_t>(&whorl_trap_return);
  } else if (call.number == SYS_rt_sigprocmask) {
    registers[REG_RAX] = change_mask(call, caller);
  } else {
    here.look_at(call, caller);
    registers[REG_RAX] = make(call);
  }
  errno = kept_errno;
  here.gate().store(1, std::memory_order_relaxed);
}

constinit mutex counting;
constinit int traps WHORL_GUARDED_BY(counting) = 0;
kernel_action before_all{};

// The handler is the whole program's, while there is any trap.
void install_handler() {
  const mutex_lock lock(counting);
  if (traps++ == 0) {
    const kernel_action action{.handler = &on_system_call,
                               .flags = has_restorer | SA_SIGINFO | SA_NODEFER | SA_RESTART,
                               .restorer = &whorl_trap_return,
                               .mask = 0};
    set_action(&action, &before_all);
  }
}

void remove_handler() {
  const mutex_lock lock(counting);
  if (--traps == 0) {
    set_action(&before_all, nullptr);
  }
}

int dispatch(unsigned long mode, std::atomic<char>* gate) noexcept {
  const auto first = mode == dispatch_on ? reinterpret_cast<unsigned long>(&whorl_trap_return) : 0;
  const auto length = mode == dispatch_on ? static_cast<unsigned long>(&whorl_trap_return_end - &whorl_trap_return) : 0;
  return ::prctl(set_dispatch, mode, first, length, gate);
}

}  // namespace

std::optional<std::string> strict_mode::trap::why_not() {
  if (!WHORL_KEEPS_RECORD) {
    return "this build keeps no record of callbacks";
  }
  if (trap_here == nullptr && dispatch(dispatch_off, nullptr) != 0) {
    return "this kernel has no Syscall User Dispatch, which came with Linux 5.11";
  }
  return std::nullopt;
}

strict_mode::trap::trap(heartbeat& heart, files treatment)
    : heart_(heart), thread_(this_thread_number()), treatment_(treatment) {
  if (trap_here != nullptr) {
    throw misuse("a second strict_mode on one thread: end the first one before");
  }
  trap_here = this;
  install_handler();
  dispatch(dispatch_on, &heart_.gate());
}

strict_mode::trap::~trap() {
  dispatch(dispatch_off, nullptr);
  remove_handler();
  trap_here = nullptr;
}

#else

std::optional<std::string> strict_mode::trap::why_not() {
  return WHORL_SANITIZED ? "a sanitizer makes system calls of its own" : "it is written for x86-64 only";
}

strict_mode::trap::trap(heartbeat& heart, files treatment)
    : heart_(heart), thread_(this_thread_number()), treatment_(treatment) {}
strict_mode::trap::~trap() = default;

#endif

}  // namespace whorl
