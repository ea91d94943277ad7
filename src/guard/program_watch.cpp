#include <fmt/format.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>
#include <whorl/facts/verdict.h>
#include <whorl/guard/blocking_call.h>
#include <whorl/guard/program_watch.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include "guard/process_stack.h"
#include "guard/thread_state.h"
#include "guard/watched_loops.h"
#include "guard/watched_program.h"

namespace whorl {

namespace {

using detail::loop_place;
using detail::loop_wait;

std::string_view name_of(loop_wait how) {
  switch (how) {
    case loop_wait::epoll: return "epoll_wait";
    case loop_wait::uring: return "io_uring_enter";
    case loop_wait::select: return "select";
    default: return "poll";
  }
}

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

// A loop as it is seen from outside, and what of it is under way.
struct seen_loop {
  program_loop about;
  loop_place* place = nullptr;
  std::uint64_t beat = 0;              // of the turn that these are of
  duration told{};                     // after how long; zero: not yet
  std::optional<duration> computed{};  // its thread's processor time when it was half on the way to the limit
  std::size_t cause = 0;
};

// Processor time of a thread: the first number in its schedstat. Where the kernel does not keep it, everything computes.
std::optional<duration> processor_time(const program_loop& loop) {
  const std::string text = first_line(fmt::format("/proc/{}/task/{}/schedstat", loop.process, loop.thread));
  return text.empty() ? std::nullopt : std::optional(duration(std::strtoll(text.c_str(), nullptr, 10)));
}

// Whether it is there and not stopped by somebody, a debugger or a terminal.
bool goes_on(const program_loop& loop) {
  const std::string text = first_line(fmt::format("/proc/{}/task/{}/stat", loop.process, loop.thread));
  const std::size_t name_end = text.rfind(") ");
  return name_end != std::string::npos && std::string_view("RSD").find(text[name_end + 2]) != std::string_view::npos;
}

// A loop on a descriptor that was closed is over, and what its thread does now is no turn.
bool still_a_loop(const program_loop& loop, const loop_place& place) {
  const int descriptor = place.descriptor.load(std::memory_order_relaxed);
  std::error_code ignored;
  return descriptor < 0 ||
         std::filesystem::is_symlink(fmt::format("/proc/{}/fd/{}", loop.process, descriptor), ignored);
}

// Its loop is over then.
bool program_ends(const stall_cause& cause) {
  return std::ranges::any_of(cause.stack, [](const stack_frame& each) {
    return each.function == "exit" || each.function == "_exit" || each.function == "Py_FinalizeEx";
  });
}

// None: it has not ended, or too long ago.
std::optional<duration> time_of_long_turn(const loop_place& place, std::uint64_t beat) {
  for (const detail::long_turn& each : place.latest_long) {
    if (each.beat.load(std::memory_order_relaxed) == beat) {
      return duration(each.took.load(std::memory_order_relaxed));
    }
  }
  return std::nullopt;
}

std::string key_of(const stall_cause& cause) {
  std::string key = cause.asleep ? "asleep" : "computing";
  const auto& frames = cause.python_stack.empty() ? cause.stack : cause.python_stack;
  for (const stack_frame& each : frames) {
    key += '\n' + each.file + ':' + (each.function.empty() ? fmt::format("{:x}", each.address) : each.function);
  }
  return key + '\n' + cause.call;
}

loop_outcome outcome_of(const program_loop& loop, const loop_place& place) {
  loop_outcome known{.loop = loop};
  std::uint64_t turns = 0;
  for (std::size_t i = 0; i < detail::turn_histogram::buckets; ++i) {
    turns += place.turns.count(i);
  }
  known.turns = turns;
  known.longest = duration(place.longest.load(std::memory_order_relaxed));
  known.in_turns = duration(place.in_turns.load(std::memory_order_relaxed));
  known.long_turns = place.long_turns.load(std::memory_order_relaxed);
  const auto below = [&](std::uint64_t of_hundred) {
    std::uint64_t counted = 0;
    for (std::size_t i = 0; i < detail::turn_histogram::buckets; ++i) {
      counted += place.turns.count(i);
      if (counted * 100 >= turns * of_hundred && counted > 0) {
        return std::min(duration(detail::turn_histogram::end_of(i)), known.longest);
      }
    }
    return duration::zero();
  };
  known.half = below(50);
  known.ninety_of_hundred = below(90);
  known.ninety_nine_of_hundred = below(99);
  return known;
}

std::size_t threads_of(pid_t process) {
  std::error_code ignored;
  const std::filesystem::directory_iterator threads(fmt::format("/proc/{}/task", process), ignored);
  return static_cast<std::size_t>(std::distance(begin(threads), end(threads)));
}

detail::thread_snapshot snapshot_of(const detail::call_place& place) {
  detail::known_registers known;
  known.values[detail::known_registers::stack_pointer] = place.stack_pointer;
  known.values[detail::known_registers::frame_pointer] = place.frame_pointer;
  known.values[detail::known_registers::instruction] = place.instruction;
  return {place.thread, known, detail::process_memory(place.process),
          std::span(place.words).first(std::min<std::size_t>(place.word_count, place.words.size()))};
}

// Signal handlers and timers are everybody's only where there are others.
bool matters(const program_call& call) {
  return call.threads > 1 || (call.effect != "sigaction" && call.effect != "timers");
}

class watching {
 public:
  watching(const program_to_watch& wanted, detail::watched_program& program, program_report& report)
      : wanted_(wanted), program_(program), report_(report) {}

  // Until the program has ended.
  void watch() {
    while (!program_.wait_for_its_end(look_around())) {
    }
    look_around();
    for (auto& [place, loop] : loops_) {
      end_turn(loop);  // the one that the program ended in
    }
    look_at_calls();
  }

  program_outcome outcome() {
    program_outcome known;
    known.wait_status = program_.wait_status();
    known.loops_not_watched = program_.loops().refused.load(std::memory_order_relaxed);
    for (const auto& [place, loop] : loops_) {
      known.loops.push_back(outcome_of(loop.about, *place));
    }
    known.causes = std::move(causes_);
    std::ranges::sort(known.causes, std::greater(), &cause_outcome::total);
    for (auto& [place, call] : calls_) {
      if (call.count > 0) {
        call.count = place->count.load(std::memory_order_relaxed);
        call.took = duration(place->took.load(std::memory_order_relaxed));
        known.calls.push_back(std::move(call));
      }
    }
    return known;
  }

 private:
  // Returns when to look again.
  duration look_around() {
    duration next = wanted_.limit / 4;
    for (const auto& [process, stacks] : stacks_) {
      stacks->let_go();
    }
    for (loop_place& place : program_.loops().places) {
      if (place.process.load(std::memory_order_acquire) == 0) {
        break;
      }
      if (place.waits_in.load(std::memory_order_acquire) != loop_wait::none) {
        next = std::min(next, look_at(known(place)));
      }
    }
    if (std::ranges::all_of(loops_, [](const auto& each) { return heartbeat::resting(each.first->beat.count()); })) {
      look_at_calls();  // takes a while, in which a stall could come and go
    }
    return std::max<duration>(next, std::chrono::milliseconds(1));
  }

  void look_at_calls() {
    for (const detail::call_place& place : program_.loops().calls) {
      if (place.written.load(std::memory_order_acquire) != 0 && !calls_.contains(&place)) {
        look_at(place);
      }
    }
  }

  void look_at(const detail::call_place& place) {
    program_call& call = calls_[&place];
    program_call seen{.process = place.process,
                      .thread = place.thread,
                      .function = place.function.data(),
                      .effect = place.effect.data(),
                      .threads = threads_of(place.process)};
    if (!seen.effect.empty() && !matters(seen)) {
      return;  // an empty entry stands for it
    }
    const facts::verdict known = facts::judge(seen.function);
    if (known.found) {
      seen.fact = seen.effect.empty()
                      ? fmt::format("{}: {}", known.symbol, known.at(facts::place::loop).why)
                      : fmt::format("{}: changes the {} of the whole process", known.symbol, seen.effect);
      seen.instead = known.on_loop;
    }
    seen.stack = stacks_of(place.process).resolve(snapshot_of(place));
    seen.stack.insert(seen.stack.begin(), stack_frame{.function = seen.function});
    seen.count = place.count.load(std::memory_order_relaxed);
    seen.took = duration(place.took.load(std::memory_order_relaxed));
    call = std::move(seen);
    report_.called(call);
  }

  seen_loop& known(loop_place& place) {
    const auto [at, is_new] = loops_.try_emplace(&place);
    if (is_new) {
      program_loop& about = at->second.about;
      at->second.place = &place;
      about.process = place.process.load(std::memory_order_relaxed);
      about.thread = place.thread.load(std::memory_order_relaxed);
      about.name = first_line(fmt::format("/proc/{}/task/{}/comm", about.process, about.thread));
      about.waits_in = name_of(place.waits_in.load(std::memory_order_relaxed));
      report_.found(about);
      stacks_of(about.process);
    }
    return at->second;
  }

  // Returns how long until it may have to be looked at again.
  duration look_at(seen_loop& loop) {
    const std::uint64_t beat = loop.place->beat.count();
    if (beat != loop.beat) {
      end_turn(loop);
      loop.beat = beat;
    }
    if (heartbeat::resting(beat)) {
      return wanted_.limit;
    }
    const time_point began{duration(loop.place->began.load(std::memory_order_relaxed))};
    const duration lasted = monotonic_now() - began;
    const duration tell_after = std::max(wanted_.limit, loop.told * 2);
    if (lasted >= tell_after) {
      look_into(loop, lasted);
      loop.computed = loop.computed ? loop.computed : processor_time(loop.about);
    } else if (lasted >= tell_after / 2 && !loop.computed) {
      loop.computed = processor_time(loop.about);
    }
    return lasted < tell_after ? tell_after - lasted : wanted_.limit / 4;
  }

  // It counts as computing only where it had a processor for a while: other programs may have them all.
  bool computes(const seen_loop& loop) const {
    const auto now = processor_time(loop.about);
    return !now || (loop.computed && *now - *loop.computed >= wanted_.limit / 4);
  }

  void look_into(seen_loop& loop, duration lasted) {
    const detail::thread_moment state = detail::state_of(loop.about.process, loop.about.thread);
    if (!goes_on(loop.about) || !still_a_loop(loop.about, *loop.place) || (!state.asleep && !computes(loop))) {
      return;
    }
    auto taken = stacks_of(loop.about.process).take(loop.about.thread);
    if (loop.place->beat.count() != loop.beat) {
      return;  // it went on meanwhile, and what was seen may be of its sleep
    }
    stall_cause cause = cause_of(loop.about, std::move(taken));
    if (program_ends(cause)) {
      return;
    }
    const bool first = loop.told == duration::zero();
    loop.told = lasted;
    loop.computed.reset();
    if (first) {
      loop.cause = place_of(std::move(cause));
      ++causes_[loop.cause].count;
    } else {
      add_detail(causes_[loop.cause].cause, cause);
    }
    tell(loop, lasted, false);
    if (wanted_.on_stall == program_to_watch::policy::abort) {
      ::syscall(SYS_tgkill, loop.about.process, loop.about.thread, SIGABRT);
    }
  }

  // Sooner or later one looks at it when there is more to be seen.
  static void add_detail(stall_cause& known, const stall_cause& seen) {
    if (known.stack.empty() && known.python_stack.empty()) {
      known = seen;
    }
  }

  void end_turn(seen_loop& loop) {
    if (loop.told != duration::zero()) {
      const duration took = time_of_long_turn(*loop.place, loop.beat).value_or(loop.told);
      cause_outcome& cause = causes_[loop.cause];
      cause.total += took;
      cause.longest = std::max(cause.longest, took);
      tell(loop, took, true);
    }
    loop.told = {};
    loop.computed.reset();
  }

  // Of many with the same cause, the first, the second, the fourth, the eighth and so on.
  void tell(const seen_loop& loop, duration lasted, bool over) {
    const cause_outcome& about = causes_[loop.cause];
    if (std::has_single_bit(about.count)) {
      report_.stalled({.loop = loop.about, .cause = about.cause, .lasted = lasted, .over = over, .count = about.count});
    }
  }

  detail::process_stack& stacks_of(pid_t process) {
    auto& stacks = stacks_[process];
    if (!stacks) {
      stacks = std::make_unique<detail::process_stack>(process);
      stacks->prepare();
    }
    return *stacks;
  }

  stall_cause cause_of(const program_loop& loop, detail::process_stack::moment taken) {
    stall_cause cause{.asleep = taken.state.asleep,
                      .doing = taken.state.describe(),
                      .stack = taken.stack ? stacks_of(loop.process).resolve(*taken.stack) : std::vector<stack_frame>(),
                      .python_stack = std::move(taken.python)};
    name_call(cause, taken.state.call);
    return cause;
  }

  // The function of the C library by its stack, or else by its system call; what to do instead of it, by what Python called.
  static void name_call(stall_cause& cause, const std::string& system_call) {
    if (!cause.asleep) {
      cause.instead = cause.python_stack.empty()
                          ? "cut it in steps that return to the loop, or do it in a thread or a process"
                          : "await or yield between steps (asyncio.sleep(0), task.cooperate), or do it in a process "
                            "(concurrent.futures.ProcessPoolExecutor): a thread would share the interpreter's lock";
      return;
    }
    const auto found = find_blocking_call(cause.stack);
    cause.call = found ? found->function : system_call;
    const auto python = find_python_call(cause.python_stack);
    const facts::verdict known = facts::judge(python ? python->function : cause.call);
    if (known.found) {
      cause.fact = fmt::format("{}: {}", known.symbol, known.at(facts::place::loop).why);
      cause.instead = known.on_loop;
    }
  }

  std::size_t place_of(stall_cause cause) {
    const auto [at, is_new] = causes_by_key_.try_emplace(key_of(cause), causes_.size());
    if (is_new) {
      causes_.push_back({.cause = std::move(cause)});
    }
    return at->second;
  }

  const program_to_watch& wanted_;
  detail::watched_program& program_;
  program_report& report_;
  std::map<const loop_place*, seen_loop> loops_;
  std::map<pid_t, std::unique_ptr<detail::process_stack>> stacks_;
  std::vector<cause_outcome> causes_;
  std::map<std::string, std::size_t> causes_by_key_;
  std::map<const detail::call_place*, program_call> calls_;
};

}  // namespace

result<program_outcome> watch_program(const program_to_watch& wanted, program_report& report) {
  const time_point began = monotonic_now();
  auto program = detail::watched_program::start(wanted);
  if (!program) {
    return std::unexpected(std::move(program).error());
  }
  watching at_it(wanted, **program, report);
  at_it.watch();
  program_outcome known = at_it.outcome();
  known.ran = monotonic_now() - began;
  return known;
}

}  // namespace whorl
