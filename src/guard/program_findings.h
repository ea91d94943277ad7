// What was seen in a watched program gets names, is counted by its cause, and told: on a thread of its own, because symbols
// take up to a second to be read, in which whoever looks at the program must not be late.
//
// Thread:   one gives; the report is called on another. What was found is read after finish().
// Lifetime: the report and the memory that is shared with the program must outlive it.
#pragma once

#include <whorl/guard/program_watch.h>
#include <whorl/reactor/time.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "guard/process_look.h"
#include "guard/process_stack.h"
#include "guard/watched_loops.h"

namespace whorl::detail {

// A turn of a loop: its place, and the beat of its heart.
struct turn_of_loop {
  const loop_place* place = nullptr;
  std::uint64_t beat = 0;
};

class program_findings {
 public:
  program_findings(program_report& report, program_to_watch::policy on_stall) : report_(report), on_stall_(on_stall) {}
  program_findings(const program_findings&) = delete;
  program_findings& operator=(const program_findings&) = delete;
  ~program_findings() { finish(); }

  void found(const program_loop& loop);
  void held_up(const program_loop& loop, turn_of_loop turn, duration lasted, thread_seen seen);
  void goes_on(const program_loop& loop, turn_of_loop turn, duration took);
  void called(const call_place& place);
  void ended(pid_t process);

  // So much waits to be told that no more stacks should be taken.
  bool is_behind() const noexcept { return waiting_.load(std::memory_order_relaxed) >= most_waiting; }

  // Waits until everything has been told.
  void finish();

  std::vector<cause_outcome> causes();  // the longest in total first
  std::vector<program_call> calls();

 private:
  static constexpr std::size_t most_waiting = 64;  // a stack is up to 128 KiB

  // The last turn of a loop that was looked into. It has one cause after the other: each has the time until the thread is
  // seen at the next.
  struct turn_known {
    std::uint64_t beat = 0;
    std::optional<std::size_t> cause{};
    duration since{};  // how long the turn had lasted when it was first seen at this one
  };

  void tell_held_up(const program_loop& loop, turn_of_loop turn, duration lasted, const thread_seen& seen);
  void tell_goes_on(const program_loop& loop, turn_of_loop turn, duration took);
  void tell_called(const call_place& place);
  void tell(const program_loop& loop, const cause_outcome& cause, duration lasted, bool over);
  stall_cause cause_of(const program_loop& loop, const thread_seen& seen);
  void begin_cause(turn_known& turn, stall_cause cause);
  void end_cause(const turn_known& turn, duration lasted);
  process_stack& stacks_of(pid_t process);

  program_report& report_;
  const program_to_watch::policy on_stall_;
  std::atomic<std::size_t> waiting_ = 0;

  // Of the thread that tells.
  std::map<pid_t, std::unique_ptr<process_stack>> stacks_;
  std::map<const loop_place*, turn_known> turns_;
  std::vector<cause_outcome> causes_;
  std::map<std::string, std::size_t> causes_by_key_;
  std::map<const call_place*, program_call> calls_;
};

}  // namespace whorl::detail
