#include "guard/program_findings.h"

#include <fmt/format.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <whorl/facts/verdict.h>
#include <whorl/guard/blocking_call.h>

#include <algorithm>
#include <bit>
#include <csignal>
#include <filesystem>
#include <functional>
#include <iterator>
#include <span>
#include <utility>

#include "guard/teller.h"

namespace whorl::detail {

namespace {

// The program's end is no turn: its loop is over then.
bool program_ends(const stall_cause& cause) {
  return std::ranges::any_of(cause.stack, [](const stack_frame& each) {
    return each.function == "exit" || each.function == "_exit" || each.function == "Py_FinalizeEx";
  });
}

std::string key_of(const stall_cause& cause) {
  std::string key = cause.asleep ? "asleep" : "computing";
  const auto& frames = cause.python_stack.empty() ? cause.stack : cause.python_stack;
  for (const stack_frame& each : frames) {
    key += '\n' + each.file + ':' + (each.function.empty() ? fmt::format("{:x}", each.address) : each.function);
  }
  return key + '\n' + cause.call;
}

bool shows_nothing(const stall_cause& cause) { return cause.stack.empty() && cause.python_stack.empty(); }

// What computes is seen at another function each time.
bool differ(const stall_cause& one, const stall_cause& other) {
  return (one.asleep || other.asleep) && key_of(one) != key_of(other);
}

// In CPython, to go on after a call that let others run.
bool waits_for_the_interpreter(const std::vector<stack_frame>& stack) {
  constexpr std::array takes_its_lock{std::string_view("PyEval_RestoreThread"),
                                      std::string_view("PyEval_AcquireThread"), std::string_view("PyGILState_Ensure"),
                                      std::string_view("take_gil")};
  return std::ranges::any_of(stack, [&](const stack_frame& each) {
    return std::ranges::find(takes_its_lock, each.function) != takes_its_lock.end();
  });
}

// The function of the C library by its stack, or else by its system call; what to do instead of it, by what Python called.
void name_call(stall_cause& cause, const std::string& system_call) {
  if (!cause.asleep) {
    cause.instead = cause.python_stack.empty()
                        ? "cut it in steps that return to the loop, or do it in a thread or a process"
                        : "await or yield between steps (asyncio.sleep(0), task.cooperate), or do it in a process "
                          "(concurrent.futures.ProcessPoolExecutor): a thread would share the interpreter's lock";
    return;
  }
  const auto found = find_blocking_call(cause.stack, system_call);
  cause.call = found ? found->function : system_call;
  if (!cause.python_stack.empty() && waits_for_the_interpreter(cause.stack)) {
    cause.fact = "CPython: another thread has the interpreter's lock, and this one waits until it lets go of it";
    cause.instead = "do what the other thread does in a process (concurrent.futures.ProcessPoolExecutor)";
    return;
  }
  const auto python = find_python_call(cause.python_stack);
  const facts::verdict known = facts::judge(python ? python->function : cause.call);
  if (known.found) {
    cause.fact = fmt::format("{}: {}", known.symbol, known.at(facts::place::loop).why);
    cause.instead = known.on_loop;
  }
}

std::size_t threads_of(pid_t process) {
  std::error_code ignored;
  const std::filesystem::directory_iterator threads(fmt::format("/proc/{}/task", process), ignored);
  return static_cast<std::size_t>(std::distance(begin(threads), end(threads)));
}

thread_snapshot snapshot_of(const call_place& place) {
  known_registers known;
  known.values[known_registers::stack_pointer] = place.stack_pointer;
  known.values[known_registers::frame_pointer] = place.frame_pointer;
  known.values[known_registers::instruction] = place.instruction;
  return {place.thread, known, process_memory(place.process),
          std::span(place.words).first(std::min<std::size_t>(place.word_count, place.words.size()))};
}

// Signal handlers and timers are everybody's only where there are others.
bool matters(const program_call& call) {
  return call.effect.empty() || call.threads > 1 || (call.effect != "sigaction" && call.effect != "timers");
}

program_call without_stack(const call_place& place) {
  program_call call{.process = place.process,
                    .thread = place.thread,
                    .function = place.function.data(),
                    .effect = place.effect.data(),
                    .count = place.count.load(std::memory_order_relaxed),
                    .took = duration(place.took.load(std::memory_order_relaxed)),
                    .threads = threads_of(place.process)};
  const facts::verdict known = facts::judge(call.function);
  if (known.found) {
    call.fact = call.effect.empty() ? fmt::format("{}: {}", known.symbol, known.at(facts::place::loop).why)
                                    : fmt::format("{}: changes the {} of the whole process", known.symbol, call.effect);
    call.instead = known.on_loop;
  }
  return call;
}

}  // namespace

void program_findings::found(const program_loop& loop) {
  tell_later([this, loop] {
    report_.found(loop);
    stacks_of(loop.process);  // what is mapped must be known before the process ends
  });
}

void program_findings::held_up(const program_loop& loop, turn_of_loop turn, duration lasted, thread_seen seen) {
  waiting_.fetch_add(1, std::memory_order_relaxed);
  tell_later([this, loop, turn, lasted, seen = std::move(seen)] {
    waiting_.fetch_sub(1, std::memory_order_relaxed);
    tell_held_up(loop, turn, lasted, seen);
  });
}

void program_findings::goes_on(const program_loop& loop, turn_of_loop turn, duration took) {
  tell_later([this, loop, turn, took] { tell_goes_on(loop, turn, took); });
}

void program_findings::called(const call_place& place) {
  tell_later([this, &place] { tell_called(place); });
}

void program_findings::ended(pid_t process) {
  tell_later([this, process] { stacks_.erase(process); });
}

void program_findings::finish() { wait_until_told(); }

std::vector<cause_outcome> program_findings::causes() {
  std::vector<cause_outcome> sorted = causes_;
  std::ranges::sort(sorted, std::greater(), &cause_outcome::total);
  return sorted;
}

std::vector<program_call> program_findings::calls() {
  std::vector<program_call> known;
  for (const auto& [place, call] : calls_) {
    known.push_back(call);
    known.back().count = place->count.load(std::memory_order_relaxed);
    known.back().took = duration(place->took.load(std::memory_order_relaxed));
  }
  return known;
}

void program_findings::tell_held_up(const program_loop& loop, turn_of_loop turn, duration lasted,
                                    const thread_seen& seen) {
  stall_cause cause = cause_of(loop, seen);
  if (program_ends(cause)) {
    return;
  }
  turn_known& known = turns_[turn.place];
  if (!known.cause || known.beat != turn.beat) {
    known = {.beat = turn.beat};
    begin_cause(known, std::move(cause));
  } else if (stall_cause& before = causes_[*known.cause].cause; shows_nothing(before)) {
    before = std::move(cause);  // sooner or later one looks at it when there is more to be seen
  } else if (differ(before, cause)) {
    end_cause(known, lasted);
    known.since = lasted;
    begin_cause(known, std::move(cause));
  }
  tell(loop, causes_[*known.cause], lasted, false);
  if (on_stall_ == program_to_watch::policy::abort) {
    ::syscall(SYS_tgkill, loop.process, loop.thread, SIGABRT);
  }
}

void program_findings::tell_goes_on(const program_loop& loop, turn_of_loop turn, duration took) {
  const turn_known& known = turns_[turn.place];
  if (known.cause && known.beat == turn.beat) {
    end_cause(known, took);
    tell(loop, causes_[*known.cause], took, true);
  }
}

void program_findings::tell_called(const call_place& place) {
  program_call call = without_stack(place);
  if (matters(call)) {
    call.stack = stacks_of(place.process).resolve(snapshot_of(place));
    call.stack.insert(call.stack.begin(), stack_frame{.function = call.function});
    report_.called(call);
    calls_.emplace(&place, std::move(call));
  }
}

// Of many with the same cause, the first, the second, the fourth, the eighth and so on.
void program_findings::tell(const program_loop& loop, const cause_outcome& cause, duration lasted, bool over) {
  if (std::has_single_bit(cause.count)) {
    report_.stalled({.loop = loop, .cause = cause.cause, .lasted = lasted, .over = over, .count = cause.count});
  }
}

stall_cause program_findings::cause_of(const program_loop& loop, const thread_seen& seen) {
  stall_cause cause{.asleep = seen.state.asleep,
                    .doing = seen.state.describe(),
                    .stack = seen.stack ? stacks_of(loop.process).resolve(*seen.stack) : std::vector<stack_frame>(),
                    .python_stack = seen.python};
  name_call(cause, seen.state.call);
  return cause;
}

void program_findings::begin_cause(turn_known& turn, stall_cause cause) {
  const auto [at, is_new] = causes_by_key_.try_emplace(key_of(cause), causes_.size());
  if (is_new) {
    causes_.push_back({.cause = std::move(cause)});
  }
  ++causes_[at->second].count;
  turn.cause = at->second;
}

void program_findings::end_cause(const turn_known& turn, duration lasted) {
  cause_outcome& cause = causes_[*turn.cause];
  cause.total += lasted - turn.since;
  cause.longest = std::max(cause.longest, lasted - turn.since);
}

process_stack& program_findings::stacks_of(pid_t process) {
  auto& stacks = stacks_[process];
  if (!stacks) {
    stacks = std::make_unique<process_stack>(process);
  }
  return *stacks;
}

}  // namespace whorl::detail
