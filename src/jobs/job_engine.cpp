#include "jobs/job_engine.h"

#include "jobs/job_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <optional>
#include <ranges>
#include <type_traits>

namespace whorl {

using parts = job_rows::parts;

result<job_answer> job_engine::apply(job_operation operation) {
  return std::visit(
      [this](auto& asked) -> result<job_answer> {
        auto answered = answer(std::move(asked));
        if (!answered) {
          return std::unexpected(std::move(answered.error()));
        }
        return job_answer(std::move(*answered));
      },
      operation);
}

result<enqueue_jobs::answer> job_engine::answer(enqueue_jobs operation) {
  enqueue_jobs::answer answers;
  for (job_request& request : operation.requests) {
    answers.push_back(enqueue(std::move(request)));
  }
  return answers;
}

result<enqueued_job> job_engine::enqueue(job_request request) {
  if (auto fit = job_rules::admissible(request, limits_); !fit) {
    return std::unexpected(fit.error());
  }
  if (!request.idempotency_key.empty()) {
    if (const std::optional<job> known = rows_.load_by_key(request.idempotency_key)) {
      return job_rules::repeat(*known, request);
    }
  }
  if (totals_.of(job_state::queued) >= limits_.queued_jobs) {
    return std::unexpected(error(
        errc::full,
        fmt::format("the queue is full: {} jobs wait, and that is the limit; try again later", limits_.queued_jobs)));
  }
  job accepted = job_rules::accept(std::move(request), now_);
  accepted.id = rows_.insert(accepted);
  count(accepted, +1);
  tell(accepted);
  return enqueued_job{.id = accepted.id};
}

result<lease_jobs::answer> job_engine::answer(const lease_jobs& operation) {
  if (operation.worker.empty() || operation.worker.size() > limits_.name_bytes) {
    return std::unexpected(error(errc::bad_input, fmt::format("a worker's name has 1 to {} bytes, and this one has {}",
                                                              limits_.name_bytes, operation.worker.size())));
  }
  wake();
  lease_jobs::answer leased;
  for (const eligible_job& chosen : choose(operation)) {
    const job before = rows_.load(chosen.id, parts::whole).value();
    job after = before;
    job_rules::start(after, operation, now_);
    save(before, after);
    leased.push_back(std::move(after));
  }
  return leased;
}

void job_engine::wake() {
  if (totals_.delayed > 0) {
    totals_.delayed -= rows_.wake(now_);
  }
}

std::vector<eligible_job> job_engine::choose(const lease_jobs& operation) {
  std::vector<eligible_job> found;
  for (const std::string& calc : operation.calcs) {
    std::ranges::copy(rows_.eligible(calc, operation.most), std::back_inserter(found));
  }
  const auto order = [](const eligible_job& one) { return std::pair(-std::int64_t{one.priority}, one.id); };
  std::ranges::sort(found, std::less(), order);
  const auto repeated = std::ranges::unique(found, std::equal_to(), &eligible_job::id);
  found.erase(repeated.begin(), repeated.end());
  found.resize(std::min(found.size(), operation.most));
  return found;
}

template <class Change>
standing job_engine::change_attempt(attempt_id attempt, Change change) {
  const std::optional<job> before = rows_.load(attempt.job, parts::brief);
  const standing stands = before ? job_rules::standing_of(*before, attempt) : standing::stale;
  if (stands == standing::stale) {
    ++totals_.stale;
    return stands;
  }
  job after = *before;
  change(after);
  save(*before, after);
  return stands;
}

result<renew_leases::answer> job_engine::answer(const renew_leases& operation) {
  renew_leases::answer answers;
  for (const attempt_id& attempt : operation.attempts) {
    answers.push_back(change_attempt(attempt, [&](job& running) { running.lease->until = now_ + operation.lasting; }));
  }
  return answers;
}

result<report_progress::answer> job_engine::answer(const report_progress& operation) {
  report_progress::answer answers;
  for (const progress_report& report : operation.reports) {
    answers.push_back(change_attempt(report.attempt, [&](job& running) { job_rules::note(running, report, limits_); }));
  }
  return answers;
}

result<end_attempts::answer> job_engine::answer(end_attempts operation) {
  end_attempts::answer answers;
  for (attempt_end& how : operation.ends) {
    answers.push_back(end(std::move(how)));
  }
  return answers;
}

result<standing> job_engine::end(attempt_end how) {
  if (auto fit = job_rules::admissible(how, limits_); !fit) {
    return std::unexpected(fit.error());
  }
  const attempt_id attempt = how.attempt;
  const standing stands =
      change_attempt(attempt, [&](job& running) { job_rules::end(running, std::move(how), now_, limits_); });
  return stands == standing::stale ? standing::stale : standing::current;
}

result<cancel_job::answer> job_engine::answer(const cancel_job& operation) {
  const std::optional<job> before = rows_.load(operation.id, parts::brief);
  if (!before) {
    return std::unexpected(job_rules::no_such_job(operation.id));
  }
  job after = *before;
  result<cancel_answer> cancelled = job_rules::cancel(after, now_);
  if (cancelled) {
    save(*before, after);
  }
  return cancelled;
}

result<find_job::answer> job_engine::answer(const find_job& operation) {
  std::optional<job> found = rows_.load(operation.id, parts::whole);
  if (!found) {
    return std::unexpected(job_rules::no_such_job(operation.id));
  }
  return std::move(*found);
}

result<list_jobs::answer> job_engine::answer(list_jobs operation) {
  constexpr std::size_t most_listed = 1'000;
  const std::size_t page = std::clamp<std::size_t>(operation.most, 1, most_listed);
  operation.most = page + 1;
  list_jobs::answer listed{.jobs = rows_.list(operation), .next = {}};
  if (listed.jobs.size() > page) {
    listed.jobs.pop_back();
    listed.next = listed.jobs.back().id;
  }
  return listed;
}

result<count_jobs::answer> job_engine::answer(const count_jobs& /*operation*/) {
  wake();
  return count_jobs::answer{
      .in_state = totals_.in_state, .delayed = totals_.delayed, .next_due = rows_.next_due(), .stale = totals_.stale};
}

result<expire_leases::answer> job_engine::answer(const expire_leases& /*operation*/) {
  reclaimed_jobs reclaimed;
  for (job& lost : rows_.running()) {
    if (lost.lease->until <= now_) {
      std::string why =
          fmt::format("the worker \"{}\" fell silent during attempt {}", lost.lease->worker, lost.attempt);
      reclaim(std::move(lost), std::move(why), reclaimed);
    }
  }
  return reclaimed;
}

result<recover_leases::answer> job_engine::answer(const recover_leases& operation) {
  reclaimed_jobs reclaimed;
  for (job& lost : rows_.running()) {
    if (lost.lease->worker == operation.worker) {
      std::string why = fmt::format("the worker \"{}\" died during attempt {}", lost.lease->worker, lost.attempt);
      reclaim(std::move(lost), std::move(why), reclaimed);
    }
  }
  return reclaimed;
}

void job_engine::reclaim(job lost, std::string why, reclaimed_jobs& reclaimed) {
  job after = lost;
  job_rules::end(after, attempt_end::crashed(lost.current(), std::move(why), {}), now_, limits_);
  save(lost, after);
  switch (after.state) {
    case job_state::failed: reclaimed.failed.push_back(after.id); break;
    case job_state::cancelled: reclaimed.cancelled.push_back(after.id); break;
    default: reclaimed.queued.push_back(after.id); break;
  }
}

result<sweep_jobs::answer> job_engine::answer(const sweep_jobs& operation) {
  sweep_jobs::answer swept;
  std::int64_t left = totals_.of(job_state::done) + totals_.of(job_state::failed) + totals_.of(job_state::cancelled);
  for (job& ended : rows_.ended(operation.most)) {
    if (left <= operation.keep_most && now_ - *ended.finished <= operation.keep_for) {
      break;
    }
    rows_.erase(ended);
    count(ended, -1);
    --left;
    ++swept.deleted;
    if (!ended.result_file.empty()) {
      swept.result_files.push_back(std::move(ended.result_file));
    }
  }
  return swept;
}

void job_engine::save(const job& before, const job& after) {
  rows_.save(after);
  count(before, -1);
  count(after, +1);
  tell(after);
}

void job_engine::count(const job& one, int by) noexcept {
  totals_.of(one.state) += by;
  totals_.delayed += one.not_before ? by : 0;
}

void job_engine::tell(const job& changed) {
  changes_.push_back({.id = changed.id,
                      .state = changed.state,
                      .cancel_requested = changed.cancel_requested,
                      .progress = changed.progress,
                      .note = changed.note});
}

}  // namespace whorl
