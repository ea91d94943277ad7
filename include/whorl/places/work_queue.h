// A work_queue is what a pool and a lane are made of: calls in the order of their arrival, the urgent ones first, and the
// threads that run them.
// Users see thread_pool and lane<T>; this header exists because templates need it.
//
// A call is one object. Its loop makes it, the queue holds it, a thread runs it, and the mailbox of its loop brings it
// home, where it dies; or, when the loop is gone, it dies in the thread. Whoever holds it owns it.
//
// Thread:   any, unless a member says otherwise.
#pragma once

#include <whorl/deferred/deferred.h>
#include <whorl/deferred/mutex.h>
#include <whorl/places/called_function.h>
#include <whorl/places/hand_over.h>
#include <whorl/places/may_block.h>
#include <whorl/reactor/mailbox.h>
#include <whorl/reactor/spin_before_sleep.h>
#include <whorl/reactor/time_histogram.h>

#include <sys/types.h>
#include <array>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace whorl {

// What a pool or a lane is doing. Cost of reading: an uncontended lock.
struct place_statistics {
  std::size_t threads = 0;
  std::size_t idle = 0;
  std::size_t queued = 0;
  std::size_t running = 0;
  std::uint64_t completed = 0;  // calls that ran to their end, however that was
  time_histogram waited;        // of each call that ran: how long in the queue
  time_histogram ran;           // of each call that ended: how long in its thread
};

// Which of the calls that wait for a thread is next.
enum class priority : std::uint8_t { high, normal, low };

// Who can make a may_block for what runs in it.
class blocking_place {
 protected:
  static may_block permission() noexcept { return may_block(); }
};

namespace detail {

class queued_call : public posted_call, public framed {
 public:
  explicit queued_call(mailbox home) noexcept : home_(std::move(home)) {}

  // In a thread of the place: keeps what came of the call; function and arguments are gone when it returns (S58).
  virtual void run_in_thread(may_block& permission) noexcept = 0;

  // It never will run.
  virtual void refuse(const error& why) noexcept = 0;

  // On its loop: nobody waits for it any more. It may be gone when this returns.
  virtual void abandon() noexcept = 0;

  // Says stop to a call that can hear it.
  std::stop_source stop{std::nostopstate};

  priority urgency = priority::normal;

  // What nobody else may have before the call has ended.
  objects_of_call objects;

  // For messages; asked_at on its loop only.
  virtual called_function function() const noexcept { return {}; }
  virtual std::string asked_at() const { return {}; }

 protected:
  // However long it takes, it is not stuck.
  void takes_long() noexcept { reported_ = true; }

 private:
  friend class call_list;
  friend class work_queue;
  mailbox home_;
  queued_call* before_ = nullptr;
  queued_call* after_ = nullptr;
  bool queued_ = false;
  bool reported_ = false;  // to be stuck
  pid_t thread_ = 0;       // that runs it
  const void* asked_on_ = this_thread_mark();
  time_point since_;  // it has been queued, then running
};

// Calls in a row; it does not own them.
class call_list {
 public:
  bool empty() const noexcept { return first_ == nullptr; }
  std::size_t size() const noexcept { return size_; }
  queued_call* first() const noexcept { return first_; }
  static queued_call* after(const queued_call& call) noexcept { return call.after_; }
  void append(queued_call& call) noexcept;
  void remove(queued_call& call) noexcept;

 private:
  queued_call* first_ = nullptr;
  queued_call* last_ = nullptr;
  std::size_t size_ = 0;
};

struct work_queue_limits {
  std::string name;
  std::size_t most_threads = 1;
  const void* line = nullptr;  // calls of one line run one after the other; one thread is a line by itself
  std::size_t most_queued = 0;
  duration longest_idle = duration::max();  // a thread that was idle so long ends
  duration report_after = duration::max();  // a call that runs longer is reported
};

class work_queue : public std::enable_shared_from_this<work_queue>, protected blocking_place {
 public:
  explicit work_queue(work_queue_limits limits) noexcept : limits_(std::move(limits)) {}
  work_queue(const work_queue&) = delete;
  work_queue& operator=(const work_queue&) = delete;
  virtual ~work_queue() = default;

  // Takes the call over, and starts a thread if none is idle and the limit allows. On an error the call stays the
  // caller's. Fails: errc::full, errc::shutting_down, and what the kernel says when it refuses the first thread.
  result<void> submit(std::unique_ptr<queued_call>& call);

  // Starts a thread ahead of the calls. Fails: what the kernel says.
  result<void> start();

  // Runs calls on the calling thread until the queue stops and is empty, or the thread was idle for long.
  void serve(may_block& permission) noexcept;

  // Takes it out, unless it is running or has run; true if so, and it is the caller's again.
  bool take_out(queued_call& call) noexcept;

  place_statistics statistics() const noexcept;
  const std::string& name() const noexcept { return limits_.name; }
  duration report_after() const noexcept { return limits_.report_after; }
  const void* line() const noexcept {
    return limits_.line == nullptr && limits_.most_threads <= 1 ? this : limits_.line;
  }

  // Refuses new work, and fires when what is queued and running has ended and the threads are joined. Gives up when
  // `patience` is over.
  // Thread: a loop's, the same for all calls of it and for close().
  deferred<void> stop(duration patience);

  // Refuses new work, sends what is queued home with errc::shutting_down, and says stop to what is running.
  void give_up() noexcept;

  // give_up(), and joins the threads.
  void close() noexcept;

 private:
  // In each thread, around its calls.
  virtual void begin_thread(may_block& /*permission*/) noexcept {}
  virtual void end_thread() noexcept {}

  void work(std::size_t number) noexcept;
  queued_call* next_call() noexcept;
  queued_call* next_after(queued_call& ended) noexcept;
  queued_call* take_next(time_point now) noexcept WHORL_REQUIRES(mutex_);
  enum class look : std::uint8_t { none, done, core_taken };
  look look_for_calls() noexcept;
  bool may_look() noexcept;
  void end_looking(look how) noexcept WHORL_REQUIRES(mutex_);
  bool may_wait_for_calls(mutex_lock& lock) noexcept WHORL_REQUIRES(mutex_);
  bool somebody_to_wake() noexcept WHORL_REQUIRES(mutex_);
  queued_call* first_queued() const noexcept WHORL_REQUIRES(mutex_);
  void thread_ended() noexcept;
  void enqueue(queued_call& call) noexcept WHORL_REQUIRES(mutex_);
  void dequeue(queued_call& call) noexcept WHORL_REQUIRES(mutex_);
  result<void> start_thread() WHORL_REQUIRES(mutex_);
  void leave_threads() noexcept WHORL_REQUIRES(mutex_);
  void all_threads_ended() noexcept;
  void watch_calls(duration from_now);
  void report_stuck_calls();
  deferred<void> stop_and_wait();
  void join_threads() noexcept;
  error gone(std::string_view when) const;
  static void send_home(queued_call* call) noexcept;

  class watch_underway;

  const work_queue_limits limits_;
  std::jthread reporting_;             // what report_stuck_calls() found
  std::atomic<bool> watched_ = false;  // a timer of some loop will report_stuck_calls()
  mutable mutex mutex_;
  std::condition_variable changed_;
  std::array<call_list, 3> queues_ WHORL_GUARDED_BY(mutex_);  // by priority
  call_list running_ WHORL_GUARDED_BY(mutex_);
  std::vector<std::jthread> threads_ WHORL_GUARDED_BY(mutex_);
  std::vector<std::jthread> left_ WHORL_GUARDED_BY(mutex_);  // ended for idleness, not yet joined
  std::atomic<std::size_t> queued_ = 0;                      // written with the mutex held
  std::size_t living_ WHORL_GUARDED_BY(mutex_) = 0;          // threads that have not ended
  std::size_t started_ WHORL_GUARDED_BY(mutex_) = 0;         // ever
  std::size_t sleeping_ WHORL_GUARDED_BY(mutex_) = 0;
  bool waking_ WHORL_GUARDED_BY(mutex_) = false;   // a thread that sleeps was woken, and is on its way
  bool looking_ WHORL_GUARDED_BY(mutex_) = false;  // a thread looks for calls before it sleeps; one does at a time
  spin_before_sleep spin_ WHORL_GUARDED_BY(mutex_);
  time_point last_ended_ WHORL_GUARDED_BY(mutex_);
  std::uint64_t completed_ WHORL_GUARDED_BY(mutex_) = 0;
  time_histogram waited_ WHORL_GUARDED_BY(mutex_);
  time_histogram ran_ WHORL_GUARDED_BY(mutex_);
  bool stopping_ WHORL_GUARDED_BY(mutex_) = false;
  std::optional<mailbox> tell_stopped_ WHORL_GUARDED_BY(mutex_);
  std::vector<promise<void>> stop_waiters_;  // touched by the loop that stops, only
};

}  // namespace detail
}  // namespace whorl
