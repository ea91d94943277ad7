#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>
#include <whorl/deferred/mutex.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <initializer_list>
#include <optional>
#include <span>
#include <thread>

#include "guard/process_memory.h"
#include "guard/stack_walk.h"

// With frame pointers a frame is two words: the address of the outer frame, and that to return to. They are read through
// the kernel, which refuses what is not mapped: a stack may be anything while its thread goes on.

namespace whorl::detail {

namespace {

struct frame_words {
  std::uintptr_t outer;
  std::uintptr_t returns_to;
};

// How much was there to read. Async-signal-safe.
std::size_t read_memory(std::uintptr_t from, void* into, std::size_t bytes) noexcept {
  return process_memory(::getpid()).read(from, into, bytes);
}

std::optional<frame_words> read_frame(std::uintptr_t at) noexcept {
  frame_words words{};
  if (at % alignof(frame_words) != 0 || read_memory(at, &words, sizeof words) != sizeof words) {
    return std::nullopt;
  }
  return words;
}

using frame_seen = raw_stack::frame;

// Follows the frames from the one at `at`, each farther out than the one before. Returns how many it wrote.
// Async-signal-safe.
std::size_t follow_frames(std::uintptr_t at, std::span<frame_seen> into) noexcept {
  std::size_t count = 0;
  while (count < into.size()) {
    const auto words = read_frame(at);
    if (!words || words->returns_to == 0) {
      break;
    }
    into[count++] = {.at = at, .returns_to = words->returns_to};
    if (words->outer <= at) {
      break;
    }
    at = words->outer;
  }
  return count;
}

// Whether an instruction that calls something ends here.
bool follows_a_call(std::uintptr_t address) noexcept {
#if defined(__x86_64__)
  std::array<std::uint8_t, 7> before{};
  if (read_memory(address - before.size(), before.data(), before.size()) != before.size()) {
    return false;
  }
  const auto is_indirect = [&](std::size_t length) {  // ff /2, with 2 to 7 bytes
    return before[7 - length] == 0xff && (before[8 - length] >> 3 & 7U) == 2;
  };
  return before[2] == 0xe8 || is_indirect(2) || is_indirect(3) || is_indirect(6) || is_indirect(7);
#else
  std::uint32_t before = 0;
  return read_memory(address - sizeof before, &before, sizeof before) == sizeof before;
#endif
}

// Where in these words of a stack the frames begin that can be followed: the first pair of an address farther out, which
// is such a pair itself, and an address behind a call.
std::optional<std::size_t> first_frame(std::span<const std::uintptr_t> words, std::uintptr_t base) noexcept {
  const std::uintptr_t end = base + words.size_bytes();
  for (std::size_t i = 0; i + 1 < words.size(); ++i) {
    const std::uintptr_t here = base + i * sizeof(std::uintptr_t);
    const std::uintptr_t outer = words[i];
    if (outer <= here || outer >= end || outer % sizeof(std::uintptr_t) != 0 || !follows_a_call(words[i + 1])) {
      continue;
    }
    const auto next = read_frame(outer);
    if (next && (next->outer == 0 || next->outer > outer) &&
        (next->returns_to == 0 || follows_a_call(next->returns_to))) {
      return i;
    }
  }
  return std::nullopt;
}

// What the call that returns to `address` calls, if the instruction names it.
std::uintptr_t called_before(std::uintptr_t address) noexcept {
#if defined(__x86_64__)
  std::array<std::uint8_t, 5> call{};
  if (read_memory(address - call.size(), call.data(), call.size()) == call.size() && call[0] == 0xe8) {
    const std::uint32_t distance = call[1] | call[2] << 8U | call[3] << 16U | std::uint32_t{call[4]} << 24U;
    return address + static_cast<std::uintptr_t>(static_cast<std::int64_t>(static_cast<std::int32_t>(distance)));
  }
#endif
  static_cast<void>(address);
  return 0;
}

// At the first instructions of a function its frame does not stand yet, and at the last one no more: what it returns to is
// on top of the stack. 0: it is inside.
std::uintptr_t return_on_top(std::uintptr_t instruction, std::span<const std::uintptr_t> words) noexcept {
#if defined(__x86_64__)
  std::array<std::uint8_t, 4> code{};
  if (words.size() < 2 || read_memory(instruction, code.data(), code.size()) != code.size()) {
    return 0;
  }
  const auto is = [&](std::initializer_list<std::uint8_t> bytes) {
    return std::ranges::equal(bytes, std::span(code).first(bytes.size()));
  };
  const bool pushed = is({0x48, 0x89, 0xe5});                                     // mov %rsp,%rbp
  const bool outside = is({0xf3, 0x0f, 0x1e, 0xfa}) || is({0x55}) || is({0xc3});  // endbr64, push %rbp, ret
  const std::uintptr_t top = words[pushed ? 1 : 0];
  return (pushed || outside) && follows_a_call(top) ? top : 0;
#else
  static_cast<void>(instruction);
  static_cast<void>(words);
  return 0;
#endif
}

// The words of a stack, from its pointer outwards, as far as they were read.
struct stack_words {
  std::uintptr_t base;
  std::span<const std::uintptr_t> words;

  std::span<const std::uintptr_t> between(std::uintptr_t from, std::uintptr_t to) const noexcept {
    const std::size_t first = std::min((from - base) / sizeof(std::uintptr_t), words.size());
    const std::size_t last = std::min((to - base) / sizeof(std::uintptr_t), words.size());
    return words.subspan(first, last - first);
  }
};

// Functions without frame pointers hide the one that called them: the next frame is that one's, and tells only who
// called it. Where this caller names it, its return address is the lowest word of the stack there that is in it, behind
// a call.
std::vector<std::uintptr_t> addresses(std::uintptr_t instruction, std::span<const frame_seen> frames,
                                      const stack_words& stack) {
  constexpr std::uintptr_t longest_function = 1U << 16U;
  std::vector<std::uintptr_t> all{instruction};
  if (const std::uintptr_t caller = return_on_top(instruction, stack.words)) {
    all.push_back(caller);
  }
  std::uintptr_t from = stack.base;
  for (const frame_seen& frame : frames) {
    const std::uintptr_t function = called_before(frame.returns_to);
    const auto inside = [&](std::uintptr_t address) {
      return address >= function && address < function + longest_function;
    };
    if (function != 0 && !inside(all.back())) {
      const auto words = stack.between(from, frame.at);
      const auto found = std::ranges::find_if(words, [&](auto word) { return inside(word) && follows_a_call(word); });
      if (found != words.end()) {
        all.push_back(*found);
      }
    }
    all.push_back(frame.returns_to);
    from = frame.at;
  }
  return all;
}

// Follows the frames, and where a function without frame pointers breaks the chain, goes on behind it.
std::size_t find_frames(const stack_words& stack, std::span<frame_seen> into) noexcept {
  std::size_t count = 0;
  std::size_t from = 0;
  while (from < stack.words.size() && count < into.size()) {
    const std::uintptr_t base = stack.base + from * sizeof(std::uintptr_t);
    const auto first = first_frame(stack.words.subspan(from), base);
    if (!first) {
      break;
    }
    const std::size_t followed = follow_frames(base + *first * sizeof(std::uintptr_t), into.subspan(count));
    if (followed == 0) {
      break;  // the thread has woken meanwhile
    }
    count += followed;
    const frame_seen& last = into[count - 1];
    from = (last.at - stack.base) / sizeof(std::uintptr_t) + 1;
    count -= follows_a_call(last.returns_to) ? 0 : 1;
  }
  return count;
}

// What a thread that is asked for its stack finds, and leaves there.
struct capture {
  enum : std::uint8_t { wanted, taken, done, given_up };
  std::atomic<std::uint8_t> state{wanted};
  raw_stack stack;
};

// Static, and one for each asking: a thread that answers too late finds its own, given up.
std::atomic<capture*> asked{nullptr};

int look_signal() noexcept { return SIGRTMAX - 3; }

}  // namespace

void write_down(raw_stack& into, const ucontext_t& interrupted) noexcept {
#if defined(__x86_64__)
  const auto& registers = interrupted.uc_mcontext.gregs;
  into.instruction = static_cast<std::uintptr_t>(registers[REG_RIP]);
  const auto frame = static_cast<std::uintptr_t>(registers[REG_RBP]);
  into.stack_pointer = static_cast<std::uintptr_t>(registers[REG_RSP]);
#elif defined(__aarch64__)
  into.instruction = interrupted.uc_mcontext.pc;
  const std::uintptr_t frame = interrupted.uc_mcontext.regs[29];
  into.stack_pointer = interrupted.uc_mcontext.sp;
#else
#error "say where this machine keeps its program counter, its stack pointer and its frame pointer"
#endif
  into.count = follow_frames(frame, into.frames);
  into.word_count = read_memory(into.stack_pointer, into.words.data(), sizeof into.words) / sizeof(std::uintptr_t);
}

std::vector<std::uintptr_t> addresses(const raw_stack& stack) {
  const stack_words around{.base = stack.stack_pointer, .words = std::span(stack.words).first(stack.word_count)};
  auto frames = stack.frames;
  std::size_t count = stack.count;
  if (count == 0 || !follows_a_call(frames[0].returns_to)) {
    count = find_frames(around, frames);  // a function without frame pointers keeps something else in the register
  }
  return addresses(stack.instruction, std::span(frames).first(count), around);
}

namespace {

void on_look_signal(int /*number*/, siginfo_t* /*from*/, void* context) {
  const int kept_errno = errno;
  capture* mine = asked.exchange(nullptr, std::memory_order_acq_rel);
  std::uint8_t expected = capture::wanted;
  if (mine != nullptr && mine->state.compare_exchange_strong(expected, capture::taken)) {
    write_down(mine->stack, *static_cast<const ucontext_t*>(context));
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
  return read_memory(reinterpret_cast<std::uintptr_t>(from), into, bytes) == bytes;
}

std::vector<std::uintptr_t> stack_of_sleeping(std::uintptr_t stack_pointer, std::uintptr_t instruction) {
  std::vector<std::uintptr_t> words(8192);
  words.resize(read_memory(stack_pointer, words.data(), words.size() * sizeof(std::uintptr_t)) /
               sizeof(std::uintptr_t));
  std::array<frame_seen, raw_stack::most_frames> frames{};
  const std::size_t count = find_frames({.base = stack_pointer, .words = words}, frames);
  return addresses(instruction, std::span(frames).first(count), {.base = stack_pointer, .words = words});
}

std::vector<std::uintptr_t> stack_from(const void* frame, const void* returns_to) {
  const auto base = reinterpret_cast<std::uintptr_t>(frame);
  const auto address = reinterpret_cast<std::uintptr_t>(returns_to);
  std::vector<std::uintptr_t> stack = stack_of_sleeping(base, address - 1);
  if (stack.size() > 1 && stack[1] == address) {
    stack.erase(stack.begin() + 1);
  }
  return stack;
}

std::vector<std::uintptr_t> stack_of_running(pid_t thread) {
  static std::array<capture, 2> captures;
  const mutex_lock lock(asking);
  static const bool installed = (install_handler(), true);
  static_cast<void>(installed);

  // One that was given up may still be in the hands of a handler that runs late.
  capture* mine = nullptr;
  for (capture& each : captures) {
    if (each.state.load(std::memory_order_acquire) != capture::taken) {
      mine = &each;
    }
  }
  if (mine == nullptr) {
    return {};
  }
  mine->state.store(capture::wanted, std::memory_order_relaxed);
  asked.store(mine, std::memory_order_release);
  if (::syscall(SYS_tgkill, ::getpid(), thread, look_signal()) != 0) {
    asked.store(nullptr, std::memory_order_relaxed);
    return {};
  }
  const auto until = std::chrono::steady_clock::now() + patience;
  while (mine->state.load(std::memory_order_acquire) != capture::done) {
    if (std::chrono::steady_clock::now() > until) {
      asked.store(nullptr, std::memory_order_relaxed);
      std::uint8_t expected = capture::wanted;
      mine->state.compare_exchange_strong(expected, capture::given_up);
      return {};
    }
    std::this_thread::sleep_for(std::chrono::microseconds(100));
  }
  return addresses(mine->stack);
}

}  // namespace whorl::detail
