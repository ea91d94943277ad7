#include "guard/stopped_thread.h"

#include <elf.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <thread>

namespace whorl::detail {

namespace {

known_registers registers_in(const user_regs_struct& all) noexcept {
  known_registers known;
#if defined(__x86_64__)
  known.values = {all.rax, all.rdx, all.rcx, all.rbx, all.rsi, all.rdi, all.rbp, all.rsp, all.r8,
                  all.r9,  all.r10, all.r11, all.r12, all.r13, all.r14, all.r15, all.rip};
#elif defined(__aarch64__)
  std::ranges::copy(all.regs, known.values.begin());
  known.values[known_registers::stack_pointer] = all.sp;
  known.values[known_registers::instruction] = all.pc;
#endif
  return known;
}

// The signal that it stopped for; 0: for us; none: it has not stopped.
std::optional<int> stopped_for(pid_t thread) noexcept {
  siginfo_t about{};
  if (::waitid(P_PID, static_cast<id_t>(thread), &about, WSTOPPED | WNOHANG | __WALL) != 0 || about.si_pid == 0) {
    return std::nullopt;
  }
  const bool for_us = (about.si_status >> 8) == PTRACE_EVENT_STOP;
  return for_us ? 0 : about.si_status & 0x7f;
}

void detach(pid_t thread, int signal) noexcept {
  ::ptrace(PTRACE_DETACH, thread, nullptr, reinterpret_cast<void*>(static_cast<std::intptr_t>(signal)));
}

}  // namespace

stopped_thread::stopped_thread(pid_t thread) noexcept : thread_(thread) {
  asked_ = ::ptrace(PTRACE_SEIZE, thread, nullptr, nullptr) == 0;
  if (!asked_ || ::ptrace(PTRACE_INTERRUPT, thread, nullptr, nullptr) != 0) {
    return;
  }
  const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(100);
  auto signal = stopped_for(thread);
  while (!signal && std::chrono::steady_clock::now() < until) {
    std::this_thread::sleep_for(std::chrono::microseconds(20));
    signal = stopped_for(thread);
  }
  stands_ = signal.has_value();
  signal_ = signal.value_or(0);
}

stopped_thread::~stopped_thread() {
  if (stands_) {
    detach(thread_, signal_);
  }
}

std::optional<known_registers> stopped_thread::registers() const noexcept {
  user_regs_struct all{};
  iovec into{&all, sizeof all};
  if (!stands_ || ::ptrace(PTRACE_GETREGSET, thread_, NT_PRSTATUS, &into) != 0) {
    return std::nullopt;
  }
  return registers_in(all);
}

bool stopped_thread::let_go_on(pid_t thread) noexcept {
  const auto signal = stopped_for(thread);
  if (signal) {
    detach(thread, *signal);
  }
  return signal.has_value();
}

}  // namespace whorl::detail
