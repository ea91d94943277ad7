#include <whorl/deferred/log.h>
#include <whorl/jobs/job_store.h>

#include <fmt/format.h>

#include <utility>

namespace whorl {

namespace {

const char* const stopped = "the job store is closing; start it again, and ask again";

}  // namespace

utc_time system_job_clock() { return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now()); }

job_store::~job_store() = default;

deferred<void> job_store::close() { return succeed(); }

void job_store::stop_running() noexcept {
  stopping_ = true;
  running_.reset();
  waiting_.clear();
  for (auto* promises : {&underway_, &waiting_promises_}) {
    for (promise<job_answer>& unanswered : std::exchange(*promises, {})) {
      unanswered.errback(error(errc::shutting_down, stopped));
    }
  }
}

deferred<job_answer> job_store::perform(job_operation operation) {
  if (stopping_) {
    return fail<job_answer>(error(errc::shutting_down, stopped));
  }
  if (waiting_.size() >= most_waiting) {
    return fail<job_answer>(
        error(errc::full, fmt::format("{} operations wait for the job store, and that is the limit; "
                                      "try again later",
                                      waiting_.size())));
  }
  waiting_.push_back(std::move(operation));
  deferred<job_answer> answer = waiting_promises_.emplace_back().get_deferred();
  if (!running_ || running_->ready()) {
    running_ = run_groups();
  }
  return answer;
}

deferred<void> job_store::run_groups() {
  while (!waiting_.empty()) {
    underway_ = std::exchange(waiting_promises_, {});
    deferred<answered_operations> answered = run(std::exchange(waiting_, {}));
    outcome<answered_operations> came = std::unexpected(failure(errc::broken_promise));
    try {
      came = co_await std::move(answered);
    } catch (...) {
      came = std::unexpected(failure::current());
    }
    deliver(std::move(came));
  }
}

void job_store::deliver(outcome<answered_operations> came) {
  std::vector<promise<job_answer>> promises = std::exchange(underway_, {});
  for (std::size_t i = 0; i < promises.size(); ++i) {
    if (!came) {
      promises[i].errback(came.error().error());  // a failure of its own for each: it records awaits
    } else if (result<job_answer>& answer = came->answers[i]; answer) {
      promises[i].callback(std::move(*answer));
    } else {
      promises[i].errback(std::move(answer.error()));
    }
  }
  if (came && !came->changes.empty()) {
    tell(came->changes);
  }
}

void job_store::tell(const std::vector<job_change>& changes) noexcept {
  try {
    if (hook_) {
      hook_(changes);
    }
  } catch (...) {
    log(log_level::error, "the hook for changes of jobs threw", {{"why", failure::current().describe()}});
  }
}

template <class Operation>
deferred<typename Operation::answer> job_store::ask(Operation operation) {
  return perform(std::move(operation)).add_callback([](job_answer answer) {
    return std::get<typename Operation::answer>(std::move(answer));
  });
}

deferred<std::vector<result<enqueued_job>>> job_store::enqueue(std::vector<job_request> requests) {
  return ask(enqueue_jobs{.requests = std::move(requests)});
}

deferred<std::vector<job>> job_store::lease(lease_jobs wanted) { return ask(std::move(wanted)); }

deferred<std::vector<standing>> job_store::renew(std::vector<attempt_id> attempts, std::chrono::milliseconds lasting) {
  return ask(renew_leases{.attempts = std::move(attempts), .lasting = lasting});
}

deferred<std::vector<standing>> job_store::progress(std::vector<progress_report> reports) {
  return ask(report_progress{.reports = std::move(reports)});
}

deferred<std::vector<result<standing>>> job_store::end(std::vector<attempt_end> ends) {
  return ask(end_attempts{.ends = std::move(ends)});
}

deferred<cancel_answer> job_store::cancel(job_id id) { return ask(cancel_job{.id = id}); }
deferred<job> job_store::find(job_id id) { return ask(find_job{.id = id}); }
deferred<list_jobs::answer> job_store::list(list_jobs filter) { return ask(std::move(filter)); }
deferred<count_jobs::answer> job_store::count() { return ask(count_jobs()); }
deferred<reclaimed_jobs> job_store::expire() { return ask(expire_leases()); }
deferred<reclaimed_jobs> job_store::recover(std::string worker) {
  return ask(recover_leases{.worker = std::move(worker)});
}
deferred<sweep_jobs::answer> job_store::sweep(sweep_jobs retention) { return ask(retention); }

}  // namespace whorl
