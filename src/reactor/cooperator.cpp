#include <whorl/deferred/waiting_line.h>
#include <whorl/reactor/cooperator.h>

#include <fmt/format.h>

#include <list>
#include <string_view>
#include <vector>

namespace whorl {

namespace detail {

using task_list = std::list<std::shared_ptr<sharing_task>>;

class sharing_task {
 public:
  enum class state : std::uint8_t { new_made, running, ended };

  explicit sharing_task(std::shared_ptr<sharing> with) noexcept : of(std::move(with)) {}

  bool wants_a_turn() const noexcept { return pauses == 0 && !turns.empty(); }

  const std::shared_ptr<sharing> of;
  cancel_handle canceller;
  waiting_line<void> turns;  // several, when the calculation is made of coroutines that go on side by side
  unsigned pauses = 0;
  state now = state::new_made;
  task_list::iterator place;  // while it runs
  bool in_line = false;
};

// What a cooperator shares with its tasks. A task that runs is in one of two lists: in line for a turn, or resting.
class sharing : public std::enable_shared_from_this<sharing> {
 public:
  sharing(reactor& loop, slice_budget slice) noexcept : loop_(loop), slice_(slice) {}

  void add(std::shared_ptr<sharing_task> task) {
    sharing_task& added = *task;
    added.place = resting_.insert(resting_.end(), std::move(task));
    added.now = sharing_task::state::running;
  }

  void remove(sharing_task& task) noexcept {
    task.now = sharing_task::state::ended;
    (task.in_line ? line_ : resting_).erase(task.place);
  }

  // Puts it where it belongs, after something changed; one that is in line keeps its place.
  void settle(sharing_task& task) {
    if (task.wants_a_turn() && !task.in_line) {
      line_.splice(line_.end(), resting_, task.place);
      task.in_line = true;
      schedule();
    } else if (!task.wants_a_turn() && task.in_line) {
      rest(task);
    }
  }

  void stop() {
    stopped_ = true;
    next_slice_.cancel();
    std::vector<std::shared_ptr<sharing_task>> all(line_.begin(), line_.end());
    all.insert(all.end(), resting_.begin(), resting_.end());
    for (const auto& each : all) {  // stopping one may end others
      each->canceller.cancel(stopped_error());
    }
  }

  bool stopped() const noexcept { return stopped_; }
  std::size_t size() const noexcept { return line_.size() + resting_.size(); }
  static error stopped_error() { return {errc::shutting_down, "the cooperator of this task was stopped"}; }

 private:
  void rest(sharing_task& task) noexcept {
    resting_.splice(resting_.end(), line_, task.place);
    task.in_line = false;
  }

  void schedule() {
    if (!slicing_ && !stopped_ && !line_.empty() && !next_slice_.active()) {
      next_slice_ = loop_.call_later(duration::zero(), [this] { run_slice(); });
    }
  }

  // One task after the other, a step each, from where the last slice ended.
  void run_slice() {
    const auto kept = shared_from_this();
    const time_point end = due_after(loop_.now(), slice_.time);
    slicing_ = true;
    for (std::size_t steps = 0; !line_.empty() && may_step(steps, end); ++steps) {
      step(line_.front());
    }
    slicing_ = false;
    schedule();
  }

  bool may_step(std::size_t steps, time_point end) const {
    return steps == 0 || (steps < slice_.steps && loop_.now() < end);
  }

  void step(std::shared_ptr<sharing_task> task) {
    rest(*task);
    if (!task->turns.empty()) {
      task->turns.serve_first();
    }
    if (task->now == sharing_task::state::running) {
      settle(*task);
    }
  }

  reactor& loop_;
  const slice_budget slice_;
  task_list line_;
  task_list resting_;
  delayed_call next_slice_;
  bool slicing_ = false;
  bool stopped_ = false;
};

task_scope::~task_scope() { task_->of->remove(*task_); }

}  // namespace detail

namespace {

using detail::sharing_task;
using state = sharing_task::state;

void require_not_ended(const sharing_task& task, std::string_view doing) {
  if (task.now == state::ended) {
    throw misuse(fmt::format(
        "{} of a cooperative task that has ended: its deferred has fired or was dropped; ask ended() before", doing));
  }
}

}  // namespace

cooperative_task::cooperative_task(cooperator& of) : task_(std::make_shared<sharing_task>(of.sharing_)) {}

void cooperative_task::begin() {
  if (task_->now != state::new_made) {
    throw misuse("run() of a cooperative task that was run before: a task is one calculation; make another task");
  }
  task_->of->add(task_);
}

cancel_handle& cooperative_task::canceller() const noexcept { return task_->canceller; }

deferred<void> cooperative_task::yield() {
  require_not_ended(*task_, "yield()");
  if (task_->of->stopped()) {
    return fail<void>(task_->of->stopped_error());
  }
  auto turn = task_->turns.join();
  task_->of->settle(*task_);
  return turn;
}

void cooperative_task::pause() {
  require_not_ended(*task_, "pause()");
  ++task_->pauses;
  if (task_->now == state::running) {
    task_->of->settle(*task_);
  }
}

void cooperative_task::resume() {
  require_not_ended(*task_, "resume()");
  if (task_->pauses == 0) {
    throw misuse("resume() of a cooperative task that is not paused: every pause() is undone by exactly one resume()");
  }
  --task_->pauses;
  if (task_->now == state::running) {
    task_->of->settle(*task_);
  }
}

void cooperative_task::stop() {
  require_not_ended(*task_, "stop()");
  if (task_->now == state::new_made) {
    throw misuse("stop() of a cooperative task that was not run: there is nothing to stop");
  }
  const auto kept = task_;  // who awaits may destroy this handle
  kept->canceller.cancel(error(errc::cancelled, "the cooperative task was stopped"));
}

bool cooperative_task::ended() const noexcept { return task_->now == state::ended; }

cooperator::cooperator(reactor& loop, slice_budget slice) : sharing_(std::make_shared<detail::sharing>(loop, slice)) {
  loop.require_this_thread("cooperator");
}

cooperator::~cooperator() { sharing_->stop(); }

void cooperator::stop() {
  const auto kept = sharing_;  // who awaits may destroy this
  kept->stop();
}

bool cooperator::stopped() const noexcept { return sharing_->stopped(); }

std::size_t cooperator::tasks() const noexcept { return sharing_->size(); }

}  // namespace whorl
