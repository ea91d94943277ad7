#include <fmt/format.h>
#include <pthread.h>
#include <whorl/deferred/log.h>
#include <whorl/places/work_queue.h>
#include <whorl/reactor/reactor.h>

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
  {
    const mutex_lock lock(mutex_);
    if (stopping_) {
      return std::unexpected(error(
          errc::shutting_down, fmt::format("\"{}\" takes no more calls: it is stopping or has stopped", limits_.name)));
    }
    if (queued_ >= limits_.most_queued) {
      return std::unexpected(
          error(errc::full,
                fmt::format("\"{}\" takes no more calls now: {} are queued and {} running; wait for some of them, "
                            "or raise most_queued",
                            limits_.name, queued_, running_)));
    }
    queued_call& taken = *call.release();
    append(taken);
    if (queued_ > living_ - running_ && living_ < limits_.most_threads) {
      const auto started = start_thread();
      if (!started && living_ == 0) {
        unlink(taken);
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
  unlink(call);
  return true;
}

place_statistics work_queue::statistics() const noexcept {
  const mutex_lock lock(mutex_);
  return {living_, living_ - running_, queued_, running_, completed_};
}

result<void> work_queue::start() {
  const mutex_lock lock(mutex_);
  return start_thread();
}

result<void> work_queue::start_thread() {
  const signals_blocked blocked;
  try {
    threads_.emplace_back([this, number = threads_.size() + 1] { work(number); });
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
  while (queued_call* call = next_call()) {
    call->run_in_thread(permitted);
    call_ended();
    send_home(call);
  }
  end_thread();
  thread_ended();
}

queued_call* work_queue::next_call() noexcept {
  mutex_lock lock(mutex_);
  while (first_ == nullptr) {
    if (stopping_) {
      return nullptr;
    }
    lock.wait(changed_);
  }
  queued_call* next = first_;
  unlink(*next);
  ++running_;
  return next;
}

void work_queue::call_ended() noexcept {
  const mutex_lock lock(mutex_);
  --running_;
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

deferred<void> work_queue::stop() {
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

void work_queue::close() noexcept {
  queued_call* dropped = nullptr;
  {
    const mutex_lock lock(mutex_);
    stopping_ = true;
    dropped = std::exchange(first_, nullptr);
    last_ = nullptr;
    queued_ = 0;
    for (queued_call* call = dropped; call != nullptr; call = call->after_) {
      call->queued_ = false;
    }
  }
  changed_.notify_all();
  while (dropped != nullptr) {
    queued_call* call = std::exchange(dropped, dropped->after_);
    call->refuse(gone("before the call ran"));
    send_home(call);
  }
  join_threads();
  for (auto& waiter : std::exchange(stop_waiters_, {})) {
    waiter.errback(gone("before it had stopped in order"));
  }
}

error work_queue::gone(std::string_view when) const {
  return error(errc::shutting_down, fmt::format("\"{}\" was destroyed {}", limits_.name, when));
}

void work_queue::join_threads() noexcept {
  std::vector<std::thread> ended;
  {
    const mutex_lock lock(mutex_);
    ended.swap(threads_);
  }
  for (auto& thread : ended) {
    thread.join();
  }
}

void work_queue::append(queued_call& call) noexcept {
  call.queued_ = true;
  call.before_ = last_;
  call.after_ = nullptr;
  (last_ == nullptr ? first_ : last_->after_) = &call;
  last_ = &call;
  ++queued_;
}

void work_queue::unlink(queued_call& call) noexcept {
  (call.before_ == nullptr ? first_ : call.before_->after_) = call.after_;
  (call.after_ == nullptr ? last_ : call.after_->before_) = call.before_;
  call.queued_ = false;
  --queued_;
}

}  // namespace whorl::detail
