// A process_pool is the place for code that may crash, use up memory, never end, or change the process that it runs in:
// workers are processes of their own, and run one call at a time.
//
//     int main() {
//       run_worker_if_asked();                                       // first: a worker is this program, executed again
//       ...
//       process_pool processes(loop, {.time_limit = 10s});
//       double sum = co_await defer_to(processes, add_up, numbers);  // defer_to_process.h
//
// A call whose worker dies, whatever kills it, fails with how it ended, what it used and the last that it wrote to its
// standard error or output. No other call notices: the worker is replaced, and those that wait go on. A call may change
// its directory, which is the pool's again when the next one begins; whatever else it changes or leaves behind in its
// worker lasts until that is renewed.
//
// Thread:   its loop's, every member and every call.
// Lifetime: outlives its calls. The destructor kills the workers; calls fail with errc::shutting_down. stop() before it
//           ends them in order. Workers die with the thread that made the pool, too.
// Fails:    a call fails with process::failed::by_signal or with_exit_code when its worker died; errc::timed_out at the
//           time limit; std::errc::not_enough_memory when memory could not be had; errc::too_large for arguments or a
//           result above the limit; errc::full when the queue is at its bound; errc::shutting_down after stop(). When no
//           worker can be started, every call says why, and it is tried again after a pause that grows to 5 s. The
//           constructor throws misuse in a process that was started as a worker.
// Cancel:   a call that waits is taken out of the queue. One that runs fails at once, and its worker is stopped, TERM,
//           and KILL after the grace; only then another takes its place.
// Cost:     a worker is started in some milliseconds, by executing the program (a fork would copy the other threads'
//           locks as they are); a call is two wake-ups and two copies of what is packed. Above 32 KiB that goes through
//           memory that both share, and the loop copies it.
#pragma once

#include <whorl/deferred/deferred.h>
#include <whorl/reactor/time.h>
#include <whorl/reactor/time_histogram.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace whorl {

class reactor;

struct process_pool_options {
  std::string name = "processes";
  std::size_t most_workers = 2;
  std::size_t started_ahead = 1;  // so many are always there; more when calls wait
  std::size_t most_queued = 10'000;
  std::size_t most_packed_bytes = std::size_t{64} << 20;  // of the arguments of a call, and of its result

  // Of one call.
  std::optional<duration> time_limit = {};
  std::optional<duration> cpu_limit = {};

  // Of one worker: what it may have mapped, and when it is replaced between two calls.
  std::optional<std::uint64_t> address_space_bytes = {};
  std::uint64_t renewed_after_calls = 10'000;
  std::uint64_t renewed_above_bytes = std::uint64_t{512} << 20;  // resident

  std::string program = "/proc/self/exe";           // calls run_worker_if_asked
  std::string directory = {};                       // of the workers; empty: this process's
  duration grace = std::chrono::seconds(5);         // between TERM and KILL
  duration start_limit = std::chrono::seconds(30);  // for a worker to be ready
};

struct process_pool_statistics {
  std::size_t workers = 0;  // processes: starting, idle, running a call, or ending
  std::size_t idle = 0;
  std::size_t running = 0;
  std::size_t queued = 0;
  std::uint64_t completed = 0;  // calls that were answered, with a result or an error
  std::uint64_t crashed = 0;    // calls whose worker died, or was stopped
  std::uint64_t started = 0;    // workers, ever
  std::uint64_t renewed = 0;    // those of them that were replaced for their calls or their memory
  time_histogram waited;        // of each call that began: how long in the queue
  time_histogram ran;           // of each call that ended by itself
};

class process_pool {
 public:
  explicit process_pool(reactor& loop, process_pool_options options = process_pool_options());
  ~process_pool();
  process_pool(const process_pool&) = delete;
  process_pool& operator=(const process_pool&) = delete;

  // The function of this name, with its arguments packed; fires with its packed result. Users write defer_to.
  deferred<std::string> call(const std::string& function, std::string arguments);

  // Refuses new calls from now on. Fires when all that were queued have ended and the workers are gone. What is not done
  // after `patience` fails with errc::shutting_down, and its worker is stopped.
  // Cancel: stops the waiting, not the stopping.
  deferred<void> stop(duration patience = duration::max());

  const std::string& name() const noexcept;
  process_pool_statistics statistics() const;

 private:
  class state;
  std::shared_ptr<state> state_;
};

}  // namespace whorl
