// A reactor is an event loop: it runs timers, calls posted from other threads, and the events of its back end, one
// after the other, on one thread.
//
//     whorl::run(main_coroutine)                  // run.h: makes one, runs a coroutine on it, gives the exit status
//     whorl::reactor loop; ...; loop.run();       // or by hand
//
// A turn is: calls from other threads, timers that are due, a shutdown if one was asked for, then waiting, and I/O (S78).
//
// Thread:   belongs to the thread that constructed it, of which it is the loop (reactor::of_this_thread). Only
//           call_from_thread, stop_from_thread and a mailbox may be used from other threads; everything else throws
//           misuse there, in every build.
// Lifetime: outlives everything that was made with it. run() may be called again after it returned.
#pragma once

#include <whorl/deferred/deferred.h>
#include <whorl/reactor/backend.h>
#include <whorl/reactor/mailbox.h>
#include <whorl/reactor/owned_by_loop.h>
#include <whorl/reactor/time.h>
#include <whorl/reactor/timers.h>
#include <whorl/reactor/turn_record.h>

#include <atomic>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <source_location>
#include <string_view>
#include <utility>
#include <vector>

namespace whorl {

class reactor;

namespace detail {
class stop_signals;
int run_to_the_end(reactor& loop, std::move_only_function<deferred<int>()> main);
extern constinit std::atomic<void (*)(reactor&)> when_a_loop_is_made;  // the guard adds itself here; null: nothing
}  // namespace detail

class reactor {
 public:
  using shutdown_step = std::move_only_function<deferred<void>()>;

  // The kernel's best: uring, else epoll with one log line that says why; WHORL_BACKEND=uring|epoll overrides.
  // Fails: throws misuse if this thread has a reactor on a kernel back end already, and error if there is no back end.
  reactor();
  explicit reactor(std::unique_ptr<backend> io);
  ~reactor();  // what it owns is told loop_stopping(), and destroyed
  reactor(const reactor&) = delete;
  reactor& operator=(const reactor&) = delete;

  // The loop of the calling thread: the one whose turn is running, else the one constructed last. Throws misuse, naming
  // what was being done, if there is none.
  static reactor& of_this_thread(std::string_view doing);

  // True inside a turn of a loop: whoever waits here holds that loop up.
  static bool turning_on_this_thread() noexcept;

  // Runs until stop(). SIGINT and SIGTERM stop it in order, unless the program handles them itself (S76); the handlers
  // are restored afterwards (S77). Throws misuse if it runs already (S69).
  void run();

  // Asks for the shutdown, which happens later in the turn (S70): everything given to before_shutdown runs, and its
  // deferreds are awaited with the loop fully alive; then run() returns. A second stop() does nothing; a second signal
  // gives up waiting. Before run(), run() will shut down at once.
  void stop();
  bool running() const noexcept { return running_; }

  // The signal that stopped the last run(), or 0.
  int stopped_by_signal() const noexcept { return stopped_by_signal_; }

  // One turn; for tests and for embedding in another loop. Waits until `until`, see backend::turn. Throws misuse inside
  // a turn.
  void turn(std::optional<time_point> until);

  // `prepare` is called once, when the loop shuts down, in the order of registration (S71); one that fails is logged and
  // stops nothing. Dropping the handle takes the trigger back.
  class [[nodiscard]] shutdown_trigger {
   public:
    shutdown_trigger() noexcept = default;

   private:
    friend class reactor;
    explicit shutdown_trigger(std::shared_ptr<shutdown_step> step) noexcept : step_(std::move(step)) {}
    std::shared_ptr<shutdown_step> step_;
  };
  shutdown_trigger before_shutdown(shutdown_step prepare);

  time_point now() const noexcept { return io_->now(); }

  // Runs `call` once, when `delay` has passed, never early; equal times in the order of their scheduling (S43). With
  // delay zero it runs in a later turn (S44). An exception from it is logged, with where it was scheduled (S47). Dropping the handle cancels it, as
  // dropping a deferred does; detach() lets it run.
  template <std::invocable F>
  delayed_call call_later(duration delay, F call, std::source_location at = std::source_location::current()) {
    require_this_thread("call_later");
    return timers_.add(due_after(now(), delay), detail::in_context<F>(std::move(call)), at);
  }

  // Fires after `delay`. Cancel: takes the timer away.
  deferred<void> sleep(duration delay);

  // Fires when the descriptor can be read or written without waiting, or has an error to tell. The descriptor must
  // stay open meanwhile.
  deferred<void> readable(int fd);
  deferred<void> writable(int fd);

  // The loop owns the object from now on; see owned_by_loop.h. dispose() destroys it later in the turn, never inside the
  // event or call that is underway (S96).
  template <std::derived_from<owned_by_loop> T>
  T* adopt(std::unique_ptr<T> object) {
    require_this_thread("adopt");
    owned_.adopt(*object);
    return object.release();
  }
  void dispose(owned_by_loop& object) {
    require_this_thread("dispose");
    owned_.dispose(object);
  }

  // The loop's one T, made as T(*this) at its first use and owned by the loop: what a floor above keeps once a loop.
  template <std::derived_from<owned_by_loop> T>
  T& companion() {
    static constinit char mark = 0;  // one address a T
    owned_by_loop* made = find_companion(&mark);
    if (made == nullptr) {
      made = adopt(std::make_unique<T>(*this));
      companions_.emplace_back(&mark, made);
    }
    return static_cast<T&>(*made);
  }

  // Runs `call` on the loop's thread, in a later turn, in the order of submission. Thread: any.
  template <std::invocable F>
  void call_from_thread(F call, std::source_location at = std::source_location::current()) {
    get_mailbox().post(std::move(call), at);
  }
  void stop_from_thread();
  mailbox get_mailbox() const noexcept { return mailbox(mail_); }

  // True on the loop's thread (S67).
  bool in_loop_thread() const noexcept { return thread_ == detail::this_thread_mark(); }
  // Throws misuse elsewhere: it names what was being done, the loop, both threads and, with the guard, their stacks.
  void require_this_thread(std::string_view doing) const {
    if (!in_loop_thread()) [[unlikely]] {
      throw_wrong_thread(doing);
    }
  }

  // What waits on this loop, oldest first: each promise that was made while it was of_this_thread and has not fired, with
  // who awaits whom behind it.
  std::vector<pending_wait> pending() const;

  // How many timed calls have neither run nor been cancelled.
  std::size_t waiting_calls() const noexcept { return timers_.size(); }

  backend& io() noexcept { return *io_; }
  // Whether it goes on, and what it runs. May be read on any thread.
  const heartbeat& heart() const noexcept { return io_->record().heart(); }
  // What it has run.
  turn_record& record() const noexcept { return io_->record(); }
  // How long its turns take, not counting its sleep.
  const time_histogram& turns() const noexcept { return io_->record().turns(); }
  // The same of callbacks too, and which took longest.
  loop_statistics statistics() const;

 private:
  friend int detail::run_to_the_end(reactor&, std::move_only_function<deferred<int>()>);

  class turning_scope;

  static reactor* find_of_this_thread() noexcept;
  static void enter_pending() noexcept;  // promises enter the list of the thread's loop
  [[noreturn]] void throw_wrong_thread(std::string_view doing) const;
  owned_by_loop* find_companion(const void* mark) const;
  void run_turn(std::optional<time_point> until);
  void heed_stop();
  deferred<void> shut_down();
  void end_run() noexcept;

  // Destroyed from the last to the first: whatever the others hold must be gone before the back end.
  std::unique_ptr<backend> io_;
  const void* thread_ = detail::this_thread_mark();
  const int thread_number_;  // the kernel's
  reactor* previous_of_thread_ = nullptr;
  detail::pending_list pending_;
  std::shared_ptr<detail::mailbox_state> mail_;
  timer_queue timers_;
  owned_list owned_;
  std::vector<std::pair<const void*, owned_by_loop*>> companions_;

  std::vector<std::weak_ptr<shutdown_step>> triggers_;
  shutdown_step last_step_;  // run()'s own, after all triggers
  std::optional<deferred<void>> shutdown_;
  detail::stop_signals* signals_ = nullptr;
  bool running_ = false;
  bool turning_ = false;
  bool stop_requested_ = false;
  bool gave_up_waiting_ = false;
  int stopped_by_signal_ = 0;
};

}  // namespace whorl
