// What a watched program and the one that watches it share: a place for each of the program's loops. The program writes
// (src/calls/preload), the watcher reads (program_watch.cpp); neither waits for the other.
//
// Thread: a place is written by its loop's thread alone. Lifetime: that of the memory file it lies in.
// Cost:   two readings of the clock and some relaxed stores a turn.
#pragma once

#include <sys/stat.h>
#include <whorl/reactor/heartbeat.h>

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace whorl::detail {

// In which call a loop waits for events.
enum class loop_wait : std::uint32_t { none, poll, select, epoll, uring };

// How long turns took, in nanoseconds, in buckets an eighth wide.
class turn_histogram {
 public:
  static constexpr std::size_t in_octave = 8;
  static constexpr std::size_t buckets = 48 * in_octave;

  void add(std::uint64_t took) noexcept {
    auto& bucket = counts_[bucket_of(took)];
    bucket.store(bucket.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }
  std::uint64_t count(std::size_t bucket) const noexcept { return counts_[bucket].load(std::memory_order_relaxed); }
  void clear() noexcept {
    for (auto& each : counts_) {
      each.store(0, std::memory_order_relaxed);
    }
  }

  static constexpr std::size_t bucket_of(std::uint64_t took) noexcept {
    if (took < in_octave) {
      return took;
    }
    const auto octave = static_cast<std::size_t>(std::bit_width(took)) - 4;  // of 8 to 15: 0
    const std::size_t bucket = (octave + 1) * in_octave + ((took >> octave) - in_octave);
    return bucket < buckets ? bucket : buckets - 1;
  }
  // What is counted there took less than this.
  static constexpr std::uint64_t end_of(std::size_t bucket) noexcept {
    if (bucket < in_octave) {
      return bucket + 1;
    }
    const std::size_t octave = bucket / in_octave - 1;
    return (in_octave + bucket % in_octave + 1) << octave;
  }

 private:
  std::array<std::atomic<std::uint64_t>, buckets> counts_{};
};

// One that took as long as the limit.
struct long_turn {
  std::atomic<std::uint64_t> beat{0};
  std::atomic<std::int64_t> took{0};
};

struct alignas(64) loop_place {
  std::atomic<std::int32_t> process{0};  // 0: nobody's; none was ever taken behind such a one that never beat
  std::atomic<std::int32_t> thread{0};
  std::atomic<loop_wait> waits_in{loop_wait::none};
  std::atomic<std::int32_t> descriptor{-1};  // that it waits on; -1: in poll and select
  heartbeat beat;                            // works in a turn, rests between two
  std::atomic<std::int64_t> began{0};        // when the turn did: nanoseconds of CLOCK_MONOTONIC
  std::atomic<std::uint64_t> long_turns{0};
  std::atomic<std::int64_t> longest{0};
  std::atomic<std::int64_t> in_turns{0};
  std::array<long_turn, 16> latest_long{};  // the newest at long_turns - 1, round and round
  turn_histogram turns;

  // For the next loop. By the watcher, when the thread has ended. The heart goes on counting, so that no beat comes twice.
  void give_back() noexcept {
    beat.works();
    beat.rests();
    waits_in.store(loop_wait::none, std::memory_order_relaxed);
    descriptor.store(-1, std::memory_order_relaxed);
    thread.store(0, std::memory_order_relaxed);
    long_turns.store(0, std::memory_order_relaxed);
    longest.store(0, std::memory_order_relaxed);
    in_turns.store(0, std::memory_order_relaxed);
    turns.clear();
    process.store(0, std::memory_order_release);
  }
};

// A place in the program's code that called, in a turn, what would wait, or changed what belongs to the whole process. Written
// once, by the first that calls there; only the counts go on.
struct call_place {
  std::atomic<std::uint64_t> key{0};      // 0: nobody's
  std::atomic<std::uint32_t> written{0};  // 1: what follows may be read
  std::atomic<std::uint64_t> count{0};
  std::atomic<std::int64_t> took{0};  // nanoseconds, altogether
  std::int32_t process = 0;
  std::int32_t thread = 0;
  std::array<char, 32> function{};
  std::array<char, 16> effect{};  // on the process; empty: it waits
  std::uint64_t instruction = 0;  // the caller's registers
  std::uint64_t stack_pointer = 0;
  std::uint64_t frame_pointer = 0;
  std::uint64_t word_count = 0;
  std::array<std::uint64_t, 4096> words{};  // of its stack: there are loops with 12 kB in one frame
};

struct watched_loops {
  static constexpr std::size_t most = 1024;  // at the same time
  static constexpr std::size_t most_calls = 128;

  std::atomic<std::int32_t> program{0};  // the process that was started; what it executes in its place is watched too
  std::atomic<std::int64_t> limit{0};    // nanoseconds of a turn
  std::atomic<std::uint64_t> numbering{0};   // of the watcher: the inode of its PID namespace
  std::atomic<std::uint32_t> refused{0};     // loops for which there is no place, or which the watcher cannot find
  std::atomic<std::uint32_t> given_back{0};  // places, by loops that ended
  std::array<loop_place, most> places{};
  std::array<call_place, most_calls> calls{};
};

// By which namespace the numbers of processes are, as this process sees them: pid_namespaces(7). 0: that cannot be seen.
inline std::uint64_t numbering_of_processes() noexcept {
  struct stat of_namespace{};
  return ::stat("/proc/self/ns/pid", &of_namespace) == 0 ? of_namespace.st_ino : 0;
}

// The program is told in its environment where the memory is: a path to open.
inline constexpr const char* watched_loops_variable = "WHORL_GUARD_LOOPS";

}  // namespace whorl::detail
