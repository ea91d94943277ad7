#include <fmt/format.h>
#include <whorl/guard/program_watch.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <numeric>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "guard/process_look.h"
#include "guard/program_findings.h"
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

// Of what cannot be looked at nobody knows.
bool is_gone(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::status(path, ignored).type() == std::filesystem::file_type::not_found;
}

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

// How much processor time a thread has had until some moment, and how much it wanted: it waited for the rest.
struct processor_mark {
  time_point at;
  duration had{};
  duration wanted{};
};

// A loop as it is seen from outside, and what of it is under way.
struct seen_loop {
  program_loop about;
  loop_place* place = nullptr;
  std::uint64_t beat = 0;                       // of the turn that these are of
  duration looked_into{};                       // after how long; zero: not yet
  std::optional<processor_mark> marked_half{};  // on the way to the limit
  std::uint64_t gathered_beat = 0;              // when it was last looked for loops that have ended

  detail::turn_of_loop turn() const noexcept { return {.place = place, .beat = beat}; }
};

// The first two numbers in a thread's schedstat; none where the kernel does not keep it.
std::optional<processor_mark> mark(const program_loop& loop) {
  const std::string text = first_line(fmt::format("/proc/{}/task/{}/schedstat", loop.process, loop.thread));
  if (text.empty()) {
    return std::nullopt;
  }
  char* end = nullptr;
  const duration had(std::strtoll(text.c_str(), &end, 10));
  return processor_mark{.at = monotonic_now(), .had = had, .wanted = had + duration(std::strtoll(end, nullptr, 10))};
}

// Whether it is there and not stopped by somebody, a debugger or a terminal.
bool is_there(const program_loop& loop) {
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

// None: it has not ended, or too long ago.
std::optional<duration> time_of_long_turn(const loop_place& place, std::uint64_t beat) {
  for (const detail::long_turn& each : place.latest_long) {
    if (each.beat.load(std::memory_order_relaxed) == beat) {
      return duration(each.took.load(std::memory_order_relaxed));
    }
  }
  return std::nullopt;
}

// What is counted of a loop, or of several together.
struct loop_tally {
  program_loop of;
  std::uint64_t loops = 1;
  std::array<std::uint64_t, detail::turn_histogram::buckets> turns{};
  std::int64_t longest = 0;
  std::int64_t in_turns = 0;
  std::uint64_t long_turns = 0;

  loop_tally(const program_loop& loop, const loop_place& place)
      : of(loop),
        longest(place.longest.load(std::memory_order_relaxed)),
        in_turns(place.in_turns.load(std::memory_order_relaxed)),
        long_turns(place.long_turns.load(std::memory_order_relaxed)) {
    for (std::size_t i = 0; i < turns.size(); ++i) {
      turns[i] = place.turns.count(i);
    }
  }

  bool is_alike(const loop_tally& other) const {
    return of.process == other.of.process && of.name == other.of.name && of.waits_in == other.of.waits_in;
  }

  void add(const loop_tally& other) {
    loops += other.loops;
    std::ranges::transform(turns, other.turns, turns.begin(), std::plus());
    longest = std::max(longest, other.longest);
    in_turns += other.in_turns;
    long_turns += other.long_turns;
  }

  // So many of a hundred turns took less than this.
  duration below(std::uint64_t of_hundred) const {
    const std::uint64_t all = std::accumulate(turns.begin(), turns.end(), std::uint64_t{0});
    std::uint64_t counted = 0;
    for (std::size_t i = 0; i < turns.size(); ++i) {
      counted += turns[i];
      if (counted * 100 >= all * of_hundred && counted > 0) {
        return duration(std::min(static_cast<std::int64_t>(detail::turn_histogram::end_of(i)), longest));
      }
    }
    return duration::zero();
  }

  loop_outcome outcome() const {
    return {.loop = of,
            .loops = loops,
            .turns = std::accumulate(turns.begin(), turns.end(), std::uint64_t{0}),
            .half = below(50),
            .ninety_of_hundred = below(90),
            .ninety_nine_of_hundred = below(99),
            .longest = duration(longest),
            .in_turns = duration(in_turns),
            .long_turns = long_turns};
  }
};

class watching {
 public:
  watching(const program_to_watch& wanted, detail::watched_program& program, program_report& report)
      : wanted_(wanted), program_(program), findings_(report, wanted.on_stall) {}

  // Until the program has ended.
  void watch() {
    while (!program_.wait_for_its_end(look_around())) {
    }
    look_around();
    for (auto& [place, loop] : loops_) {
      end_turn(loop);  // the one that the program ended in
    }
  }

  program_outcome outcome() {
    findings_.finish();
    program_outcome known;
    known.wait_status = program_.wait_status();
    known.loops_not_watched = program_.loops().refused.load(std::memory_order_relaxed);
    for (const auto& [place, loop] : loops_) {
      keep(loop_tally(loop.about, *place));
    }
    std::ranges::transform(tallies_, std::back_inserter(known.loops), &loop_tally::outcome);
    known.causes = findings_.causes();
    known.calls = findings_.calls();
    return known;
  }

 private:
  // Returns when to look again.
  duration look_around() {
    duration next =
        std::min<duration>(wanted_.limit / 4, std::chrono::milliseconds(50));  // a program may be a short one
    for (const auto& [process, look] : looks_) {
      look->let_go();
    }
    for (loop_place& place : program_.loops().places) {
      const bool is_taken = place.process.load(std::memory_order_acquire) != 0;
      if (!is_taken && place.beat.count() == 0) {
        break;
      }
      if (is_taken && place.waits_in.load(std::memory_order_acquire) != loop_wait::none) {
        next = std::min(next, look_at(known(place)));
      }
    }
    for (const detail::call_place& place : program_.loops().calls) {
      if (place.written.load(std::memory_order_acquire) != 0 && calls_.insert(&place).second) {
        findings_.called(place);
      }
    }
    const time_point now = monotonic_now();
    if (now - gathered_at_ >= (loops_.size() > most_comfortable ? gather_fast : gather_every)) {
      gathered_at_ = now;
      gather_ended();
    }
    return std::max<duration>(next, std::chrono::milliseconds(1));
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
      at->second.gathered_beat = place.beat.count();
      processes_.insert(about.process);
      if (about.name.empty()) {
        about.name = first_line(fmt::format("/proc/{}/comm", about.process));  // the thread came and went
      } else {
        findings_.found(about);
      }
    }
    return at->second;
  }

  // Loops whose threads have ended give their places back.
  void gather_ended() {
    for (auto each = loops_.begin(); each != loops_.end();) {
      each = has_ended(each->second) ? loops_.erase(each) : std::next(each);
    }
    std::erase_if(processes_, [this](pid_t process) {
      const auto is_its = [process](const auto& each) { return each.second.about.process == process; };
      if (process == program_.process() || !is_gone(fmt::format("/proc/{}", process)) ||
          std::ranges::any_of(loops_, is_its)) {
        return false;
      }
      looks_.erase(process);
      findings_.ended(process);
      return true;
    });
  }

  // One whose heart has not beaten since the last time.
  bool has_ended(seen_loop& loop) {
    const std::uint64_t beat = loop.place->beat.count();
    if (std::exchange(loop.gathered_beat, beat) != beat ||
        !is_gone(fmt::format("/proc/{}/task/{}", loop.about.process, loop.about.thread))) {
      return false;
    }
    end_turn(loop);
    keep(loop_tally(loop.about, *loop.place));
    loop.place->give_back();
    program_.loops().given_back.fetch_add(1, std::memory_order_release);
    return true;
  }

  // Of very many the last one stands for the rest.
  void keep(loop_tally tally) {
    if (tallies_.size() >= most_kept) {
      auto alike = std::ranges::find_if(tallies_, [&](const auto& each) { return each.is_alike(tally); });
      if (alike == tallies_.end() && tallies_.size() >= 2 * most_kept) {
        alike = std::prev(tallies_.end());
      }
      if (alike != tallies_.end()) {
        alike->add(tally);
        return;
      }
    }
    tallies_.push_back(std::move(tally));
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
    const duration look_after = std::max(wanted_.limit, loop.looked_into * 2);
    if (lasted >= look_after) {
      look_into(loop, lasted);
    }
    if (lasted >= look_after / 2 && !loop.marked_half) {
      loop.marked_half = mark(loop.about);
    }
    return lasted < look_after ? look_after - lasted : wanted_.limit / 4;
  }

  // One that computes had a processor for a while, since other programs may have them all; and one that sleeps does not
  // only wait for a moment, for a page or a lock, between computing and computing.
  bool is_really(const seen_loop& loop, bool asleep) const {
    const auto now = mark(loop.about);
    if (!now || !loop.marked_half) {
      return !now || asleep;
    }
    const processor_mark& before = *loop.marked_half;
    return asleep ? (now->wanted - before.wanted) * 2 < now->at - before.at
                  : now->had - before.had >= wanted_.limit / 4;
  }

  void look_into(seen_loop& loop, duration lasted) {
    const bool asleep = detail::state_of(loop.about.process, loop.about.thread).asleep;
    if (findings_.is_behind() || !is_there(loop.about) || !still_a_loop(loop.about, *loop.place) ||
        !is_really(loop, asleep)) {
      return;
    }
    detail::thread_seen seen = look_of(loop.about.process).at(loop.about.thread);
    if (loop.place->beat.count() != loop.beat || seen.state.asleep != asleep) {
      return;  // it went on meanwhile, and what was seen may be of its sleep
    }
    loop.looked_into = lasted;
    loop.marked_half.reset();
    findings_.held_up(loop.about, loop.turn(), lasted, std::move(seen));
  }

  void end_turn(seen_loop& loop) {
    if (loop.looked_into != duration::zero()) {
      findings_.goes_on(loop.about, loop.turn(), time_of_long_turn(*loop.place, loop.beat).value_or(loop.looked_into));
    }
    loop.looked_into = {};
    loop.marked_half.reset();
  }

  detail::process_look& look_of(pid_t process) {
    auto& look = looks_[process];
    if (!look) {
      look = std::make_unique<detail::process_look>(process);
    }
    return *look;
  }

  static constexpr std::chrono::milliseconds gather_every{200};
  static constexpr std::chrono::milliseconds gather_fast{20};
  static constexpr std::size_t most_comfortable = detail::watched_loops::most / 4;  // above it faster
  static constexpr std::size_t most_kept = 64;                                      // loops that are told of one by one

  const program_to_watch& wanted_;
  detail::watched_program& program_;
  std::map<const loop_place*, seen_loop> loops_;
  std::vector<loop_tally> tallies_;
  time_point gathered_at_{};
  std::set<pid_t> processes_;  // of loops, as long as they are there
  std::map<pid_t, std::unique_ptr<detail::process_look>> looks_;
  std::set<const detail::call_place*> calls_;
  detail::program_findings findings_;
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
  const duration ran = monotonic_now() - began;
  program_outcome known = at_it.outcome();
  known.ran = ran;
  return known;
}

}  // namespace whorl
