#include <fmt/format.h>
#include <pthread.h>
#include <whorl/deferred/log.h>
#include <whorl/places/work_queue.h>
#include <whorl/reactor/reactor.h>

#include <algorithm>
#include <csignal>
#include <system_error>
#include <utility>

namespace whorl::detail {

namespace {

// Blocks signals while a thread is made, which inherits that: they are for the loop. Those that a thread raises by its
// own fault are left alone, so that a debugger or a sanitizer sees them.
class signals_blocked {
 public:
  signals_blocked() noexcept {
    sigset_t all;
    sigfillset(&all);
    for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS, SIGPROF}) {
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

}  // namespace

result<void> work_queue::submit(std::unique_ptr<queued_call>& call) {
  std::vector<std::jthread> ended;  // joined when the mutex is free, which they take once more
  {
    const mutex_lock lock(mutex_);
    ended.swap(left_);
    if (stopping_) {
      return std::unexpected(error(
          errc::shutting_down, fmt::format("\"{}\" takes no more calls: it is stopping or has stopped", limits_.name)));
    }
    if (queued_ >= limits_.most_queued) {
      return std::unexpected(
          error(errc::full,
                fmt::format("\"{}\" takes no more calls now: {} are queued and {} running; wait for some of them, "
                            "or raise most_queued",
                            limits_.name, queued_, running_.size())));
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
  }
  changed_.notify_one();
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
  while (queued_call* call = next_call()) {
    call->run_in_thread(permission);
    call_ended(*call);
    send_home(call);
  }
}

queued_call* work_queue::next_call() noexcept {
  mutex_lock lock(mutex_);
  while (queued_ == 0) {
    if (!may_wait_for_calls(lock)) {
      return nullptr;
    }
  }
  queued_call* next = first_queued();
  dequeue(*next);
  const time_point now = std::chrono::steady_clock::now();
  waited_.add(now - std::exchange(next->since_, now));
  running_.append(*next);
  return next;
}

// False: this thread ends, because all of them do or because it was idle for long.
bool work_queue::may_wait_for_calls(mutex_lock& lock) noexcept {
  if (stopping_) {
    return false;
  }
  if (limits_.longest_idle == duration::max()) {
    lock.wait(changed_);
    return true;
  }
  if (lock.wait_for(changed_, limits_.longest_idle) || queued_ > 0 || stopping_) {
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

void work_queue::call_ended(queued_call& call) noexcept {
  const mutex_lock lock(mutex_);
  running_.remove(call);
  ran_.add(std::chrono::steady_clock::now() - call.since_);
  ++completed_;
}

// Handing the call over is the last thing this thread does with it.
void work_queue::send_home(queued_call* call) noexcept {
  const mailbox home = std::move(call->home_);
  home.post(std::unique_ptr<posted_call>(call));
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
  std::vector<std::jthread> left;
  const mutex_lock lock(mutex_);
  ended.swap(threads_);
  left.swap(left_);
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
