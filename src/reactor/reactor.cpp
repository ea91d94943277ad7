#include <whorl/deferred/log.h>
#include <whorl/reactor/reactor.h>
#include <whorl/reactor/wrong_thread.h>

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <string>

#include "reactor/choose_backend.h"
#include "reactor/mailbox_state.h"
#include "reactor/stop_signals.h"

namespace whorl {

namespace {

struct loops_of_thread {
  reactor* made_last = nullptr;
  reactor* turning = nullptr;
};

thread_local constinit loops_of_thread here;

// "thread 4711 (worker)"
std::string describe_thread(int number) {
  std::ifstream file(fmt::format("/proc/self/task/{}/comm", number));
  std::string name;
  std::getline(file, name);
  return fmt::format("thread {} ({})", number, name.empty() ? "gone" : name);
}

}  // namespace

constinit std::atomic<void (*)(reactor&)> detail::when_a_loop_is_made{nullptr};

// While it lives, its loop is of_this_thread().
class reactor::turning_scope {
 public:
  explicit turning_scope(reactor& loop) noexcept
      : outer_(std::exchange(here.turning, &loop)),
        outer_record_(std::exchange(detail::this_thread.record, &loop.record())) {
    enter_pending();
  }
  ~turning_scope() {
    here.turning = outer_;
    detail::this_thread.record = outer_record_;
    enter_pending();
  }
  turning_scope(const turning_scope&) = delete;
  turning_scope& operator=(const turning_scope&) = delete;

 private:
  reactor* outer_;
  turn_record* outer_record_;
};

namespace {

// One step of the shutdown, with its failure logged: it must not stop the others.
deferred<void> run_logged(reactor::shutdown_step step) {
  try {
    co_await step();
  } catch (...) {
    log(log_level::error, "a shutdown trigger failed", {{"failure", failure::current().describe()}});
  }
}

}  // namespace

reactor::reactor() : reactor(choose_backend()) {}

reactor::reactor(std::unique_ptr<backend> io)
    : io_(std::move(io)),
      thread_number_(::gettid()),
      mail_(std::make_shared<detail::mailbox_state>(*io_)),
      timers_([this]() noexcept { return now(); }) {
  for (const reactor* other = here.made_last; other != nullptr; other = other->previous_of_thread_) {
    if (!io_->simulated() && !other->io_->simulated()) {
      throw misuse(
          "a second reactor was made on a thread that has one: a thread waits for one kernel back end at a time; use "
          "reactor::of_this_thread(), or make it on a thread of its own");
    }
  }
  previous_of_thread_ = std::exchange(here.made_last, this);
  detail::this_thread.now = now().time_since_epoch().count();
  enter_pending();
  if (auto* add_guards = detail::when_a_loop_is_made.load()) {
    add_guards(*this);
  }
}

reactor::~reactor() {
  const turning_scope scope(*this);
  owned_.tell_stopping();
  owned_.clear();
  mail_->close();
  timers_.clear();
  reactor** link = &here.made_last;
  while (*link != nullptr && *link != this) {
    link = &(*link)->previous_of_thread_;
  }
  if (*link == this) {
    *link = previous_of_thread_;
  }
}

reactor* reactor::find_of_this_thread() noexcept { return here.turning != nullptr ? here.turning : here.made_last; }

void reactor::enter_pending() noexcept {
  reactor* loop = find_of_this_thread();
  detail::pending_list::enter_into(loop == nullptr ? nullptr : &loop->pending_);
}

reactor& reactor::of_this_thread(std::string_view doing) {
  reactor* loop = find_of_this_thread();
  if (loop == nullptr) {
    throw misuse(
        fmt::format("{}: this thread has no loop; do it on a loop's thread, with call_from_thread, or make a "
                    "reactor here first",
                    doing));
  }
  return *loop;
}

bool reactor::turning_on_this_thread() noexcept { return here.turning != nullptr; }

owned_by_loop* reactor::find_companion(const void* mark) const {
  require_this_thread("companion");
  const auto found = std::ranges::find(companions_, mark, &std::pair<const void*, owned_by_loop*>::first);
  return found == companions_.end() ? nullptr : found->second;
}

void reactor::run() {
  require_this_thread("run");
  if (running_) {
    throw misuse("run() on a loop that runs already: call stop() and let the run() that is underway return");
  }
  detail::stop_signals signals(*io_);
  signals_ = &signals;
  stopped_by_signal_ = 0;
  running_ = true;
  do {
    turn(std::nullopt);
  } while (!gave_up_waiting_ && !(shutdown_ && shutdown_->ready()));
  end_run();
}

void reactor::end_run() noexcept {
  const turning_scope scope(*this);
  shutdown_.reset();
  stop_requested_ = false;
  gave_up_waiting_ = false;
  owned_.tell_stopping();
  owned_.destroy_disposed();
  running_ = false;
  signals_ = nullptr;
}

void reactor::stop() {
  require_this_thread("stop");
  stop_requested_ = true;
}

void reactor::stop_from_thread() {
  call_from_thread([this] { stop(); });
}

reactor::shutdown_trigger reactor::before_shutdown(shutdown_step prepare) {
  require_this_thread("before_shutdown");
  std::erase_if(triggers_, [](const auto& trigger) { return trigger.expired(); });
  auto step = std::make_shared<shutdown_step>(std::move(prepare));
  triggers_.push_back(step);
  return shutdown_trigger(std::move(step));
}

void reactor::turn(std::optional<time_point> until) {
  require_this_thread("turn");
  if (turning_) {
    throw misuse("a turn inside a turn of the same loop: return to the loop instead, and co_await what has to happen");
  }
  const turning_scope scope(*this);
  turning_ = true;
  run_turn(until);
  turning_ = false;
}

void reactor::run_turn(std::optional<time_point> until) {
  record().turn_begins();
  const time_point began = io_->now();
  detail::this_thread.now = began.time_since_epoch().count();
  mail_->run_all();
  timers_.run_due(began);
  heed_stop();
  owned_.destroy_disposed();

  if (const auto due = timers_.next_due()) {
    until = std::min(until.value_or(*due), *due);
  }
  const bool ending = gave_up_waiting_ || (shutdown_ && shutdown_->ready());
  const bool would_wait = !ending && (!until || *until > began) && !io_->simulated();
  if (ending || (would_wait && mail_->look_again(began)) || !mail_->may_wait()) {
    until = began;
  }
  io_->turn(until);
  mail_->woke(io_->waited());
  owned_.destroy_disposed();
  record().turn_ended(io_->now() - began - io_->waited());
}

// Starts the shutdown if one was asked for (S70, S78). A second signal ends the waiting for it.
void reactor::heed_stop() {
  if (!running_) {
    return;
  }
  if (const int number = signals_->take(); number != 0) {
    log(log_level::info, stopped_by_signal_ == 0 ? "stopping" : "not waiting any longer for the shutdown",
        {{"signal", ::sigabbrev_np(number)}});
    gave_up_waiting_ = stopped_by_signal_ != 0;
    stopped_by_signal_ = number;
    stop_requested_ = true;
  }
  if (stop_requested_ && !shutdown_) {
    const callback_scope scope("the shutdown");
    shutdown_ = shut_down();
  }
}

deferred<void> reactor::shut_down() {
  std::vector<deferred<void>> preparing;
  for (const auto& trigger : std::exchange(triggers_, {})) {
    if (const auto step = trigger.lock()) {
      preparing.push_back(run_logged(std::move(*step)));
    }
  }
  for (auto& each : preparing) {
    co_await std::move(each);
  }
  if (last_step_) {
    co_await run_logged(std::move(last_step_));
  }
}

std::vector<pending_wait> reactor::pending() const {
  require_this_thread("pending");
  return pending_.describe(now().time_since_epoch().count());
}

loop_statistics reactor::statistics() const {
  require_this_thread("statistics");
  return io_->record().statistics();
}

void reactor::throw_wrong_thread(std::string_view doing) const {
  const detail::stacks_teller teller = detail::tell_stacks;
  throw misuse(fmt::format(
      "{}() was called on another thread than the loop's, on {}, but the loop at {} belongs to {}: a loop's "
      "objects are touched on its own thread only; post the call with call_from_thread, or with the loop's "
      "mailbox{}",
      doing, describe_thread(::gettid()), fmt::ptr(this), describe_thread(thread_number_),
      teller == nullptr ? "" : "; " + teller(thread_number_)));
}

}  // namespace whorl
