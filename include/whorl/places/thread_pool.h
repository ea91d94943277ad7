// A thread_pool is the place for code that may wait, and touches nothing that others touch.
//
//     thread_pool pool({.name = "pool", .most_threads = 4});
//     std::string text = co_await defer_to(pool, read_file, path);    // std::string read_file(may_block&, std::string)
//
// It grows: a call takes an idle thread, else a new one, else it queues. A thread that is idle for long ends. Calls start
// in the order of their arrival (S61), those of a higher priority first:
//
//     co_await defer_to(pool.at(priority::high), answer, question);
//
// It works from its construction on, whether a loop runs or not; results wait for their loop (S57).
//
// Thread:   made, stopped and destroyed on one loop's thread; defer_to may be used from any loop's thread, and results
//           come back on the loop that asked.
// Lifetime: outlives its calls. The destructor refuses new work, drops what is queued (its deferreds fail with
//           errc::shutting_down), says stop to what is running and joins its threads, so it waits for them; stop() before
//           it drains in order while the loop keeps turning.
// Fails:    an exception from the function fails the deferred; errc::full when the queue is at its bound;
//           errc::shutting_down after stop() (S64), and when the loop that asked ends before the result is there (S63).
// Cancel:   queued work is taken out and its deferred fails at once. Work that runs goes on: its std::stop_token, if it
//           takes one, says stop; the deferred fails at once and the late result is thrown away (S65).
// Cost:     one hand-over there and one back, without an allocation: some 50 us where both sides sleep and are woken, some
//           2 us where calls follow each other and both look for work before they sleep (spin_before_sleep.h, which says
//           what that costs). A pool that nobody calls costs no CPU time.
//
// A call that runs longer than report_after is logged while it does: which function, who asked, and what its thread does, with
// its stack; and once more when it has ended. A thread that sleeps is not touched, one that computes is asked with a signal
// that lets its system calls go on: guard/thread_look.h has the small print.
#pragma once

#include <whorl/deferred/deferred.h>
#include <whorl/places/work_queue.h>

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

namespace whorl {

struct thread_pool_options {
  std::string name = "pool";
  std::size_t most_threads = 10;
  std::size_t most_queued = 100'000;
  duration longest_idle = std::chrono::seconds(60);  // then a thread ends
  duration report_after = duration::max();           // a call that runs longer is stuck: see below
};

namespace detail {
class pool_threads;
struct place_access;
}  // namespace detail

class thread_pool {
 public:
  explicit thread_pool(thread_pool_options options = thread_pool_options());
  ~thread_pool();
  thread_pool(const thread_pool&) = delete;
  thread_pool& operator=(const thread_pool&) = delete;

  // Refuses new work from now on. Fires when what is queued and running has ended and the threads are joined (S63). What
  // is not done after `patience` is given up: the queued fail with errc::shutting_down, the running are told to stop.
  // Cancel: stops the waiting, not the stopping.
  deferred<void> stop(duration patience = duration::max());

  // The pool, for calls of a priority.
  struct at_priority {
    thread_pool& pool;
    priority urgency;
  };
  at_priority at(priority urgency) noexcept { return {*this, urgency}; }

  const std::string& name() const noexcept;
  place_statistics statistics() const noexcept;

 private:
  friend struct detail::place_access;
  std::shared_ptr<detail::pool_threads> threads_;
};

}  // namespace whorl
