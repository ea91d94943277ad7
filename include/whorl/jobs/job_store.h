// A job_store keeps jobs: what was accepted, who runs it, and how it ended.
//
//     auto jobs = co_await store.lease("server", 2, 30s);
//     auto page = co_await store.list(filter);
//
// Operations that are asked for while others are being written are run together, in their order, and made durable by
// one commit: the deferreds fire after it (a grouped commit). So ask for many at once, not for one after the other.
//
// Thread:   belongs to one loop; every member must be called on it.
// Lifetime: not to be destroyed from inside a callback of one of its deferreds, nor from inside the change hook. What is
//           not answered when it is destroyed fails with errc::shutting_down; what the engine has already is done all
//           the same.
// Fails:    besides what each operation says: the engine's error, such as a full disk; then nothing of that group was
//           done. errc::full when too many operations wait.
// Cancel:   an operation that was asked for is done all the same; its answer is thrown away.
#pragma once

#include <whorl/deferred/deferred.h>
#include <whorl/jobs/job_operation.h>

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace whorl {

// The store's clock, in UTC. Thread: called in the place where the store's engine lives.
using job_clock = utc_time (*)();
utc_time system_job_clock();

class job_store {
 public:
  job_store(const job_store&) = delete;
  job_store& operator=(const job_store&) = delete;
  virtual ~job_store();

  // What each does is said beside the struct of the same name in job_operation.h.
  deferred<std::vector<result<enqueued_job>>> enqueue(std::vector<job_request> requests);
  deferred<std::vector<job>> lease(lease_jobs wanted);
  deferred<std::vector<standing>> renew(std::vector<attempt_id> attempts, std::chrono::milliseconds lasting);
  deferred<std::vector<standing>> progress(std::vector<progress_report> reports);
  deferred<std::vector<result<standing>>> end(std::vector<attempt_end> ends);
  deferred<cancel_answer> cancel(job_id id);
  deferred<job> find(job_id id);
  deferred<list_jobs::answer> list(list_jobs filter);
  deferred<count_jobs::answer> count();
  deferred<reclaimed_jobs> expire();
  deferred<reclaimed_jobs> recover(std::string worker);
  deferred<sweep_jobs::answer> sweep(sweep_jobs retention);

  // Called after every group that changed jobs, when its deferreds have fired, with each change in its order. It is
  // also the wake-up: a change to queued means that there may be something to lease. One hook; an empty one takes it
  // away. A delayed job that becomes eligible is no change: see count_jobs::answer::next_due.
  using change_hook = std::move_only_function<void(const std::vector<job_change>&)>;
  void on_change(change_hook hook) { hook_ = std::move(hook); }

  // Ends what the engine has for itself, a thread or a file, without keeping the loop: the destructor would wait for that.
  // The last that is called.
  virtual deferred<void> close();

  // Operations that wait for the engine, or are in it.
  std::size_t waiting() const noexcept { return waiting_.size() + underway_.size(); }

 protected:
  job_store() = default;

  // Runs operations in their order and makes them durable together. Called again only when the last one has fired.
  virtual deferred<answered_operations> run(std::vector<job_operation> operations) = 0;

  // To be called by the destructor of an engine, first thing: run() is not called any more.
  void stop_running() noexcept;

 private:
  static constexpr std::size_t most_waiting = 100'000;

  deferred<job_answer> perform(job_operation operation);
  template <class Operation>
  deferred<typename Operation::answer> ask(Operation operation);
  deferred<void> run_groups();
  void deliver(outcome<answered_operations> came);
  void tell(const std::vector<job_change>& changes) noexcept;

  std::vector<job_operation> waiting_;
  std::vector<promise<job_answer>> waiting_promises_;
  std::vector<promise<job_answer>> underway_;
  std::optional<deferred<void>> running_;
  change_hook hook_;
  bool stopping_ = false;
};

}  // namespace whorl
