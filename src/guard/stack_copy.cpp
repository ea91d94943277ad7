#include "guard/stack_copy.h"

#include <sys/syscall.h>
#include <unistd.h>
#include <whorl/deferred/mutex.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <span>
#include <thread>
#include <utility>

#include "guard/process_memory.h"

namespace whorl::detail {

namespace {

process_memory own_memory() noexcept { return process_memory(::getpid()); }

// With frame pointers a frame is two words.
struct frame_words {
  std::uintptr_t outer = 0;
  std::uintptr_t returns_to = 0;
};

std::array<std::uint64_t, known_registers::count> registers_of(const ucontext_t& interrupted) noexcept {
  std::array<std::uint64_t, known_registers::count> values{};
#if defined(__x86_64__)
  constexpr std::array in_order{REG_RAX, REG_RDX, REG_RCX, REG_RBX, REG_RSI, REG_RDI, REG_RBP, REG_RSP, REG_R8,
                                REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15, REG_RIP};
  std::ranges::transform(in_order, values.begin(),
                         [&](int each) { return static_cast<std::uint64_t>(interrupted.uc_mcontext.gregs[each]); });
#elif defined(__aarch64__)
  std::ranges::copy(interrupted.uc_mcontext.regs, values.begin());
  values[known_registers::stack_pointer] = interrupted.uc_mcontext.sp;
  values[known_registers::instruction] = interrupted.uc_mcontext.pc;
#else
#error "say where this machine keeps its program counter, its stack pointer and its frame pointer"
#endif
  return values;
}

// What a thread that is asked for its stack finds, and leaves there.
struct capture {
  enum : std::uint8_t { wanted, taken, done, given_up };
  std::atomic<std::uint8_t> state{wanted};
  stack_copy stack;
};

// Static, and one for each asking: a thread that answers too late finds its own, given up.
std::atomic<capture*> asked{nullptr};

int look_signal() noexcept { return SIGRTMAX - 3; }

void on_look_signal(int /*number*/, siginfo_t* /*from*/, void* context) {
  const int kept_errno = errno;
  capture* mine = asked.exchange(nullptr, std::memory_order_acq_rel);
  std::uint8_t expected = capture::wanted;
  if (mine != nullptr && mine->state.compare_exchange_strong(expected, capture::taken)) {
    copy_stack(mine->stack, *static_cast<const ucontext_t*>(context));
    mine->state.store(capture::done, std::memory_order_release);
  }
  errno = kept_errno;
}

void install_handler() {
  struct sigaction action{};
  action.sa_sigaction = &on_look_signal;
  action.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK;
  sigfillset(&action.sa_mask);
  sigdelset(&action.sa_mask, SIGSYS);  // what the handler itself calls may be trapped (strict_mode.h)
  ::sigaction(look_signal(), &action, nullptr);
}

constinit mutex asking;
constexpr std::chrono::seconds patience{1};  // of whoever asks; the thread may wait for a processor

}  // namespace

bool copy_memory(const void* from, void* into, std::size_t bytes) noexcept {
  return own_memory().read(reinterpret_cast<std::uintptr_t>(from), into, bytes) == bytes;
}

void copy_stack(stack_copy& into, const ucontext_t& interrupted) noexcept {
  into.registers = registers_of(interrupted);
  into.word_count = own_memory().read(into.at(known_registers::stack_pointer), into.words.data(), sizeof into.words) /
                    sizeof(std::uintptr_t);
}

thread_snapshot stack_copy::snapshot() const {
  known_registers known;
  std::ranges::copy(registers, known.values.begin());
  return {::getpid(), known, own_memory(), std::span(words).first(word_count)};
}

thread_snapshot stack_of_sleeping(std::uintptr_t stack_pointer, std::uintptr_t instruction) {
  known_registers known;
  known.values[known_registers::stack_pointer] = stack_pointer;
  known.values[known_registers::instruction] = instruction;
  return {::getpid(), known, own_memory()};
}

std::optional<thread_snapshot> stack_of_running(pid_t thread) {
  static std::array<capture, 2> captures;
  const mutex_lock lock(asking);
  static const bool installed = (install_handler(), true);
  static_cast<void>(installed);

  // One that was given up may still be in the hands of a handler that runs late.
  const auto mine = std::ranges::find_if(
      captures, [](const capture& each) { return each.state.load(std::memory_order_acquire) != capture::taken; });
  if (mine == captures.end()) {
    return std::nullopt;
  }
  mine->state.store(capture::wanted, std::memory_order_relaxed);
  asked.store(&*mine, std::memory_order_release);
  if (::syscall(SYS_tgkill, ::getpid(), thread, look_signal()) != 0) {
    asked.store(nullptr, std::memory_order_relaxed);
    return std::nullopt;
  }
  const auto until = std::chrono::steady_clock::now() + patience;
  while (mine->state.load(std::memory_order_acquire) != capture::done) {
    if (std::chrono::steady_clock::now() > until) {
      asked.store(nullptr, std::memory_order_relaxed);
      std::uint8_t expected = capture::wanted;
      mine->state.compare_exchange_strong(expected, capture::given_up);
      return std::nullopt;
    }
    std::this_thread::sleep_for(std::chrono::microseconds(100));
  }
  return mine->stack.snapshot();
}

// A wrapper has a frame pointer, to the two words of its frame; its caller's stack follows.
thread_snapshot stack_of_caller(const call_site& at) {
  const auto frame = reinterpret_cast<std::uintptr_t>(at.frame);
  known_registers known;
  known.values[known_registers::stack_pointer] = frame + sizeof(frame_words);
  known.values[known_registers::frame_pointer] = own_memory().get<std::uintptr_t>(frame);
  known.values[known_registers::instruction] = reinterpret_cast<std::uintptr_t>(at.returns_to) - 1;
  return {::getpid(), known, own_memory()};
}

frame_chain::frame_chain(std::uintptr_t frame) noexcept {
  auto words = own_memory().get<frame_words>(frame);
  while (words && words->returns_to != 0 && count < addresses.size()) {
    addresses[count++] = words->returns_to;
    const std::uintptr_t before = std::exchange(frame, words->outer);
    words = frame > before ? own_memory().get<frame_words>(frame) : std::nullopt;
  }
}

std::vector<std::uintptr_t> frames_of_caller(const call_site& at) {
  const frame_chain chain(reinterpret_cast<std::uintptr_t>(at.frame));
  return {chain.addresses.begin(), chain.addresses.begin() + static_cast<std::ptrdiff_t>(chain.count)};
}

}  // namespace whorl::detail
