#include <fmt/format.h>
#include <pthread.h>
#include <whorl/deferred/log.h>
#include <whorl/guard/thread_look.h>
#include <whorl/guard/waiting_call.h>
#include <whorl/places/work_queue.h>
#include <whorl/reactor/reactor.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <system_error>
#include <utility>

#include "places/stuck_call.h"

namespace whorl::detail {

namespace {

// While a thread finds the names of functions for a report of stuck calls.
std::atomic<bool> names_are_sought = false;
constexpr duration look_again_after = std::chrono::milliseconds(20);

// Blocks signals while a thread is made, which inherits that: they are for the loop. Those that a thread raises by its
// own fault are left alone, so that a debugger or a sanitizer sees them, and the one that asks where it is.
class signals_blocked {
 public:
  signals_blocked() noexcept {
    const int asks_for_stack = SIGRTMAX - 3;  // guard/thread_look.h
    sigset_t all;
    sigfillset(&all);
    for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS, SIGPROF, asks_for_stack}) {
      sigdelset(&all, fault);
    }
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~signals_blocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  signals_blocked(const signals_blocked&) = delete;
  signals_blocked& operator=(const signals_blocked&) = delete;

 private:
  sigset_t before_;
};

void name_this_thread(std::string name) {
  constexpr std::size_t longest = 15;  // the kernel's limit; the number at the end matters most
  const std::size_t dash = name.rfind('-');
  std::string known_to_kernel = name;
  if (name.size() > longest) {
    const std::string number = dash == std::string::npos ? std::string() : name.substr(dash);
    known_to_kernel = name.substr(0, longest - std::min(longest, number.size())) + number;
  }
  pthread_setname_np(pthread_self(), known_to_kernel.c_str());
  set_log_thread_name(std::move(name));
}

// Joins threads that have nothing more to run. That a loop does so is told of only where it lasts: stall_watch sees that.
void join_ending(std::vector<std::jthread>& threads) noexcept {
  const unobserved they_only_end;
  threads.clear();
}

struct ended_threads {
  ended_threads() = default;
  ended_threads(const ended_threads&) = delete;
  ended_threads& operator=(const ended_threads&) = delete;
  ~ended_threads() { join_ending(threads); }

  std::vector<std::jthread> threads;
};

}  // namespace

result<void> work_queue::submit(std::unique_ptr<queued_call>& call) {
  ended_threads ended;  // outlives the lock, which they take once more
  bool wake = false;
  {
    const mutex_lock lock(mutex_);
    ended.threads.swap(left_);
    if (stopping_) {
      return std::unexpected(error(
          errc::shutting_down, fmt::format("\"{}\" takes no more calls: it is stopping or has stopped", limits_.name)));
    }
    if (queued_ >= limits_.most_queued) {
      return std::unexpected(
          error(errc::full,
                fmt::format("\"{}\" takes no more calls now: {} are queued and {} running; wait for some of them, "
                            "or raise most_queued",
                            limits_.name, queued_.load(), running_.size())));
    }
    queued_call& taken = *call.release();
    enqueue(taken);
    if (queued_ > living_ - running_.size() && living_ < limits_.most_threads) {
      const auto started = start_thread();
      if (!started && living_ == 0) {
        dequeue(taken);
        call.reset(&taken);
        return started;
      }
    }
    wake = somebody_to_wake();
  }
  if (wake) {
    changed_.notify_one();
  }
  if (limits_.report_after != duration::max() && !watched_.exchange(true)) {
    watch_calls(limits_.report_after);
  }
  return {};
}

bool work_queue::take_out(queued_call& call) noexcept {
  const mutex_lock lock(mutex_);
  if (!call.queued_) {
    return false;
  }
  dequeue(call);
  return true;
}

place_statistics work_queue::statistics() const noexcept {
  const mutex_lock lock(mutex_);
  return {.threads = living_,
          .idle = living_ - running_.size(),
          .queued = queued_,
          .running = running_.size(),
          .completed = completed_,
          .waited = waited_,
          .ran = ran_};
}

result<void> work_queue::start() {
  const mutex_lock lock(mutex_);
  return start_thread();
}

result<void> work_queue::start_thread() {
  const signals_blocked blocked;
  try {
    threads_.emplace_back([this, number = started_ + 1] { work(number); });
    ++started_;
    ++living_;
    return {};
  } catch (const std::system_error& refused) {
    return std::unexpected(error::system(refused.code().value(), fmt::format("start a thread of \"{}\"", limits_.name),
                                         "use fewer threads, or raise the limit on processes (ulimit -u)"));
  }
}

void work_queue::work(std::size_t number) noexcept {
  name_this_thread(limits_.most_threads == 1 ? limits_.name : fmt::format("{}-{}", limits_.name, number));
  may_block permitted = permission();
  begin_thread(permitted);
  serve(permitted);
  end_thread();
  thread_ended();
}

void work_queue::serve(may_block& permission) noexcept {
  queued_call* call = next_call();
  while (call != nullptr) {
    call->run_in_thread(permission);
    queued_call* next = next_after(*call);
    send_home(call);
    call = next != nullptr ? next : next_call();
  }
}

// The next call, when there is one; null: this thread ends.
queued_call* work_queue::next_call() noexcept {
  const look how = look_for_calls();
  queued_call* next = nullptr;
  bool wake = false;
  {
    mutex_lock lock(mutex_);
    end_looking(how);
    while (queued_ == 0) {
      if (!may_wait_for_calls(lock)) {
        return nullptr;
      }
    }
    next = take_next(std::chrono::steady_clock::now());
    wake = somebody_to_wake();
  }
  if (wake) {
    changed_.notify_one();
  }
  return next;
}

// Of the call that has run; the next one, if it is there.
queued_call* work_queue::next_after(queued_call& ended) noexcept {
  queued_call* next = nullptr;
  bool wake = false;
  bool reported = false;
  const time_point now = std::chrono::steady_clock::now();
  const duration took = now - ended.since_;
  {
    const mutex_lock lock(mutex_);
    reported = limits_.report_after != duration::max() && ended.reported_;
    running_.remove(ended);
    ran_.add(took);
    ++completed_;
    last_ended_ = now;
    if (queued_ > 0) {
      next = take_next(now);
      wake = somebody_to_wake();
    }
  }
  if (wake) {
    changed_.notify_one();
  }
  if (reported && took >= limits_.report_after) {
    log_stuck_call_ended(limits_.name, ended.function(), took);
  }
  return next;
}

queued_call* work_queue::take_next(time_point now) noexcept {
  queued_call* next = first_queued();
  dequeue(*next);
  waited_.add(now - std::exchange(next->since_, now));
  next->thread_ = this_thread_number();
  running_.append(*next);
  return next;
}

// Waking a thread costs the waker more than a short call takes. So one is woken at a time, and when it has its call it
// wakes the next if there still is something to do; who looks for calls need not be woken.
bool work_queue::somebody_to_wake() noexcept {
  const std::size_t taken_soon = looking_ ? 1 : 0;
  if (waking_ || sleeping_ == 0 || queued_ <= taken_soon) {
    return false;
  }
  waking_ = true;
  return true;
}

// Looks for calls for a moment, without the mutex, which those who bring them need.
work_queue::look work_queue::look_for_calls() noexcept {
  if (!may_look()) {
    return look::none;
  }
  if (!core_is_free()) {
    return look::core_taken;
  }
  constexpr int looks_between_clocks = 64;
  constexpr duration core_taken = std::chrono::microseconds(20);
  time_point now = std::chrono::steady_clock::now();
  const time_point end = now + longest_spin();
  while (now < end) {
    for (int each = 0; each < looks_between_clocks; ++each) {
      if (queued_.load(std::memory_order_relaxed) > 0) {
        return look::done;
      }
    }
    const time_point before = std::exchange(now, std::chrono::steady_clock::now());
    if (now - before > core_taken) {
      return look::core_taken;
    }
  }
  return look::done;
}

void work_queue::end_looking(look how) noexcept {
  if (how == look::none) {
    return;
  }
  looking_ = false;
  const time_point now = std::chrono::steady_clock::now();
  if (how == look::core_taken) {
    spin_.core_was_taken(now);
  } else if (queued_ > 0) {
    spin_.found();
  } else {
    static_cast<void>(spin_.look_again(now));  // its time is over
  }
}

bool work_queue::may_look() noexcept {
  const mutex_lock lock(mutex_);
  if (queued_ > 0 || stopping_ || looking_ || !spin_.look_again(std::chrono::steady_clock::now())) {
    return false;
  }
  looking_ = true;
  return true;
}

// False: this thread ends, because all of them do or because it was idle for long.
bool work_queue::may_wait_for_calls(mutex_lock& lock) noexcept {
  if (stopping_) {
    return false;
  }
  bool in_time = true;
  ++sleeping_;
  if (limits_.longest_idle == duration::max()) {
    lock.wait(changed_);
  } else {
    in_time = lock.wait_for(changed_, limits_.longest_idle);
  }
  --sleeping_;
  waking_ = false;
  if (queued_ > 0) {
    spin_.slept(std::chrono::steady_clock::now() - last_ended_);
  }
  if (in_time || queued_ > 0 || stopping_) {
    return true;
  }
  leave_threads();
  return false;
}

// The calling thread ends by itself; the next submit() or close() joins it.
void work_queue::leave_threads() noexcept {
  const auto self = std::ranges::find(threads_, std::this_thread::get_id(), &std::jthread::get_id);
  left_.push_back(std::move(*self));
  threads_.erase(self);
  --living_;
}

queued_call* work_queue::first_queued() const noexcept {
  return std::ranges::find_if_not(queues_, &call_list::empty)->first();
}

// Handing the call over is the last thing this thread does with it.
void work_queue::send_home(queued_call* call) noexcept {
  const mailbox home = std::move(call->home_);
  home.post(std::unique_ptr<posted_call>(call));
}

// A timer on its way, of the loop that asked first; a loop that ends takes it along, and the next call starts another.
class work_queue::watch_underway {
 public:
  explicit watch_underway(std::weak_ptr<work_queue> over) noexcept : over_(std::move(over)) {}
  watch_underway(watch_underway&&) = default;
  watch_underway& operator=(watch_underway&&) = delete;
  ~watch_underway() {
    if (const auto queue = over_.lock()) {
      queue->watched_ = false;
    }
  }

  void operator()() {
    if (const auto queue = std::exchange(over_, {}).lock()) {
      queue->report_stuck_calls();
    }
  }

 private:
  std::weak_ptr<work_queue> over_;
};

void work_queue::watch_calls(duration from_now) {
  reactor::of_this_thread("watch the calls of a place").call_later(from_now, watch_underway(weak_from_this())).detach();
}

// One report at a time in the whole program: the loop would wait for the one before.
void work_queue::report_stuck_calls() {
  if (names_are_sought) {
    watch_calls(look_again_after);
    return;
  }
  std::vector<stuck_call> stuck;
  duration until_next = limits_.report_after;
  bool nothing_to_watch = false;
  {
    const mutex_lock lock(mutex_);
    const time_point now = std::chrono::steady_clock::now();
    for (queued_call* call = running_.first(); call != nullptr; call = call_list::after(*call)) {
      const duration left = limits_.report_after - (now - call->since_);
      if (!call->reported_ && left > duration::zero()) {
        until_next = std::min(until_next, left);
      } else if (!std::exchange(call->reported_, true)) {
        stuck.push_back({.function = call->function(),
                         .asked_at = call->asked_on_ == this_thread_mark() ? call->asked_at() : "",
                         .thread = call->thread_,
                         .runs_for = now - call->since_});
      }
    }
    nothing_to_watch = queued_ == 0 && running_.empty();
    watched_ = !nothing_to_watch;
  }
  if (!nothing_to_watch) {
    watch_calls(until_next);
  }
  if (!stuck.empty()) {  // not by the loop: finding names takes its time
    names_are_sought = true;
    reporting_ = std::jthread([place = limits_.name, stuck = std::move(stuck)] {
      log_stuck_calls(place, stuck);
      names_are_sought = false;
    });
  }
}

void work_queue::thread_ended() noexcept {
  std::optional<mailbox> loop;
  {
    const mutex_lock lock(mutex_);
    const auto self = std::ranges::find(threads_, std::this_thread::get_id(), &std::jthread::get_id);
    if (self == threads_.end()) {
      return;  // left before
    }
    if (--living_ == 0) {
      loop = std::move(tell_stopped_);
    }
  }
  if (loop) {
    loop->post([self = weak_from_this()] {
      if (const auto queue = self.lock()) {
        queue->all_threads_ended();
      }
    });
  }
}

deferred<void> work_queue::stop(duration patience) {
  auto stopped = stop_and_wait();
  if (patience == duration::max()) {
    return stopped;
  }
  const auto self = shared_from_this();
  auto impatience = reactor::of_this_thread("stop").call_later(patience, [self] { self->give_up(); });
  return std::move(stopped).add_callback([impatience = std::move(impatience)] {});
}

deferred<void> work_queue::stop_and_wait() {
  const reactor& loop = reactor::of_this_thread("stop a thread pool or a lane");
  promise<void> stopped;
  deferred<void> when_stopped = stopped.get_deferred();
  bool nothing_runs = false;
  {
    const mutex_lock lock(mutex_);
    nothing_runs = threads_.empty();
    if (!std::exchange(stopping_, true)) {
      tell_stopped_ = loop.get_mailbox();
    }
  }
  changed_.notify_all();
  if (nothing_runs) {
    stopped.callback();
  } else {
    stop_waiters_.push_back(std::move(stopped));
  }
  return when_stopped;
}

void work_queue::all_threads_ended() noexcept {
  join_threads();
  for (auto& waiter : std::exchange(stop_waiters_, {})) {
    waiter.callback();
  }
}

void work_queue::give_up() noexcept {
  std::vector<queued_call*> dropped;
  std::vector<std::stop_source> running;
  {
    const mutex_lock lock(mutex_);
    stopping_ = true;
    while (queued_ > 0) {
      queued_call* call = first_queued();
      dequeue(*call);
      dropped.push_back(call);
    }
    for (const queued_call* call = running_.first(); call != nullptr; call = call_list::after(*call)) {
      running.push_back(call->stop);
    }
  }
  changed_.notify_all();
  for (queued_call* call : dropped) {
    call->refuse(gone("before the call ran"));
    send_home(call);
  }
  for (std::stop_source& each : running) {
    each.request_stop();
  }
}

void work_queue::close() noexcept {
  give_up();
  join_threads();
  for (auto& waiter : std::exchange(stop_waiters_, {})) {
    waiter.errback(gone("before it had stopped in order"));
  }
}

error work_queue::gone(std::string_view when) const {
  return error(errc::shutting_down, fmt::format("\"{}\" was stopped {}", limits_.name, when));
}

void work_queue::join_threads() noexcept {
  std::vector<std::jthread> ended;
  ended_threads left;
  bool nothing_runs = false;
  {
    const mutex_lock lock(mutex_);
    ended.swap(threads_);
    left.threads.swap(left_);
    nothing_runs = running_.empty();
  }
  if (nothing_runs) {
    join_ending(ended);
  }
}

void work_queue::enqueue(queued_call& call) noexcept {
  call.queued_ = true;
  call.since_ = std::chrono::steady_clock::now();
  queues_.at(static_cast<std::size_t>(call.urgency)).append(call);
  ++queued_;
}

void work_queue::dequeue(queued_call& call) noexcept {
  call.queued_ = false;
  queues_.at(static_cast<std::size_t>(call.urgency)).remove(call);
  --queued_;
}

void call_list::append(queued_call& call) noexcept {
  call.before_ = last_;
  call.after_ = nullptr;
  (last_ == nullptr ? first_ : last_->after_) = &call;
  last_ = &call;
  ++size_;
}

void call_list::remove(queued_call& call) noexcept {
  (call.before_ == nullptr ? first_ : call.before_->after_) = call.after_;
  (call.after_ == nullptr ? last_ : call.after_->before_) = call.before_;
  --size_;
}

}  // namespace whorl::detail
