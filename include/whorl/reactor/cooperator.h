// A cooperator runs long calculations on the loop beside everything else: they are cut in steps, and it lets each make a
// step in turn, for a slice of time in every turn of the loop (S52).
//
//     deferred<double> sum(cooperative_task self, std::vector<double> numbers) {
//       double total = 0;
//       for (const double number : numbers) {
//         total += number;
//         co_await self.yield();                                       // here a step ends
//       }
//       co_return total;
//     }
//     ...
//     cooperator steps(loop);
//     double total = co_await steps.cooperate(sum, numbers);           // sum(task, numbers)
//
//     cooperative_task task(steps);                                    // the same, to be paused or stopped
//     deferred<double> summing = task.run(sum, numbers);
//     task.pause();
//
// A task is as long in one step as it likes: a step that takes longer than the slice holds the loop up. What cannot be cut
// in steps belongs in a thread (defer_to).
//
// Thread:   the loop's.
// Lifetime: destroying a cooperator is stop(). A task is owned by the deferred of its run(): dropping that ends it.
// Cancel:   of that deferred is task.stop().
// Cost:     a step takes two blocks from the free lists and a look at the clock.
//
// A task that awaits something else than its turn leaves the others all the time (S52). Where Twisted takes an iterator,
// so that it can pause one anywhere, here a paused task stops at its next yield(). TaskStopped is errc::cancelled and
// SchedulerStopped is errc::shutting_down, so that whoever handles those for other work handles them here.
#pragma once

#include <whorl/deferred/cancel_handle.h>
#include <whorl/deferred/deferred.h>
#include <whorl/reactor/reactor.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <type_traits>
#include <utility>

namespace whorl {

class cooperator;

namespace detail {
class sharing;
class sharing_task;

// A task has ended, however its coroutine did.
class task_scope {
 public:
  explicit task_scope(std::shared_ptr<sharing_task> task) noexcept : task_(std::move(task)) {}
  ~task_scope();
  task_scope(const task_scope&) = delete;
  task_scope& operator=(const task_scope&) = delete;

 private:
  std::shared_ptr<sharing_task> task_;
};
}  // namespace detail

// One calculation of a cooperator. Copies are handles to the same one.
class cooperative_task {
 public:
  explicit cooperative_task(cooperator& of);

  // Calls f(task, args...), a function that returns a deferred, when the task's first turn has come. Once: throws misuse
  // the second time.
  // Fails: errc::shutting_down if the cooperator is stopped, before or meanwhile.
  template <class F, class... Args>
  std::invoke_result_t<F, cooperative_task, Args...> run(F f, Args... args) {
    begin();
    return canceller().attach(begun(*this, std::move(f), std::move(args)...));
  }

  // For the calculation: ends a step. Fires when the task's turn comes again.
  deferred<void> yield();

  // A paused task has no more turns: its next yield() waits. Pauses nest.
  void pause();
  void resume();  // throws misuse if it is not paused

  // Asks the calculation to stop, as cancelling its deferred does.
  void stop();

  // All of the above throw misuse for a task that has ended, and stop() for one that was not run.
  bool ended() const noexcept;

 private:
  friend class detail::sharing;

  void begin();
  cancel_handle& canceller() const noexcept;

  template <class F, class... Args>
  static std::invoke_result_t<F, cooperative_task, Args...> begun(cooperative_task self, F f, Args... args) {
    const detail::task_scope scope(self.task_);
    co_await self.yield();
    co_return co_await std::invoke(std::move(f), self, std::move(args)...);
  }

  std::shared_ptr<detail::sharing_task> task_;
};

// How long a slice lasts. The steps count where the clock stands still, which a virtual one does while a turn lasts.
struct slice_budget {
  duration time = std::chrono::milliseconds(10);
  std::size_t steps = 100'000;
};

class cooperator {
 public:
  explicit cooperator(reactor& loop, slice_budget slice = slice_budget());
  cooperator(const cooperator&) = delete;
  cooperator& operator=(const cooperator&) = delete;
  ~cooperator();

  template <class F, class... Args>
  auto cooperate(F f, Args... args) {
    return cooperative_task(*this).run(std::move(f), std::move(args)...);
  }

  // Asks every task to stop, with errc::shutting_down, and lets none begin any more. A second time does nothing.
  void stop();
  bool stopped() const noexcept;

  std::size_t tasks() const noexcept;  // that run

 private:
  friend class cooperative_task;
  std::shared_ptr<detail::sharing> sharing_;
};

}  // namespace whorl
