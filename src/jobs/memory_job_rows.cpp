#include "jobs/memory_job_rows.h"

#include <algorithm>
#include <ranges>

namespace whorl {

namespace {

job brief(const job& whole) {
  job shortened = whole;
  shortened.arguments.clear();
  shortened.result.clear();
  return shortened;
}

}  // namespace

void memory_job_rows::add_to_index(const job& one) {
  if (one.not_before) {
    delayed_.emplace(*one.not_before, one.id);
  } else if (one.state == job_state::queued) {
    eligible_[one.calc].emplace(-std::int64_t{one.priority}, one.id);
  } else if (one.state == job_state::running) {
    running_.insert(one.id);
  } else {
    ended_.emplace(*one.finished, one.id);
  }
}

void memory_job_rows::take_from_index(const job& one) {
  if (one.not_before) {
    delayed_.erase({*one.not_before, one.id});
  } else if (one.state == job_state::queued) {
    eligible_[one.calc].erase({-std::int64_t{one.priority}, one.id});
  } else if (one.state == job_state::running) {
    running_.erase(one.id);
  } else {
    ended_.erase({*one.finished, one.id});
  }
}

job_id memory_job_rows::insert(const job& accepted) {
  const job_id id{++last_id_};
  job& kept = jobs_.emplace(id, accepted).first->second;
  kept.id = id;
  if (!kept.idempotency_key.empty()) {
    by_key_.emplace(kept.idempotency_key, id);
  }
  add_to_index(kept);
  return id;
}

void memory_job_rows::save(const job& after) {
  job& kept = jobs_.at(after.id);
  take_from_index(kept);
  std::string arguments = std::move(kept.arguments);
  kept = after;
  kept.arguments = std::move(arguments);
  add_to_index(kept);
}

void memory_job_rows::erase(const job& ended) {
  take_from_index(ended);
  by_key_.erase(ended.idempotency_key);
  jobs_.erase(ended.id);
}

std::optional<job> memory_job_rows::load(job_id id, parts wanted) {
  const auto found = jobs_.find(id);
  if (found == jobs_.end()) {
    return std::nullopt;
  }
  return wanted == parts::brief ? brief(found->second) : found->second;
}

std::optional<job> memory_job_rows::load_by_key(const std::string& idempotency_key) {
  const auto found = by_key_.find(idempotency_key);
  return found == by_key_.end() ? std::nullopt : load(found->second, parts::whole);
}

std::int64_t memory_job_rows::wake(utc_time now) {
  std::int64_t woken = 0;
  for (; !delayed_.empty() && delayed_.begin()->first <= now; ++woken) {
    job& due = jobs_.at(delayed_.begin()->second);
    take_from_index(due);
    due.not_before.reset();
    add_to_index(due);
  }
  return woken;
}

std::optional<utc_time> memory_job_rows::next_due() {
  return delayed_.empty() ? std::nullopt : std::optional(delayed_.begin()->first);
}

std::vector<eligible_job> memory_job_rows::eligible(const std::string& calc, std::size_t most) {
  std::vector<eligible_job> found;
  if (const auto queue = eligible_.find(calc); queue != eligible_.end()) {
    for (const auto& [priority, id] : queue->second | std::views::take(most)) {
      found.push_back({.id = id, .priority = static_cast<int>(-priority)});
    }
  }
  return found;
}

std::vector<job> memory_job_rows::running() {
  std::vector<job> found;
  for (const job_id id : running_) {
    found.push_back(brief(jobs_.at(id)));
  }
  return found;
}

std::vector<job> memory_job_rows::list(const list_jobs& filter) {
  std::vector<job> found;
  const auto older = filter.before ? jobs_.lower_bound(*filter.before) : jobs_.end();
  for (const auto& [id, one] : std::ranges::subrange(jobs_.begin(), older) | std::views::reverse) {
    if (found.size() == filter.most) {
      break;
    }
    if ((!filter.state || one.state == *filter.state) && (filter.calc.empty() || one.calc == filter.calc)) {
      found.push_back(brief(one));
    }
  }
  return found;
}

std::vector<job> memory_job_rows::ended(std::size_t most) {
  std::vector<job> found;
  for (const auto& [finished, id] : ended_ | std::views::take(most)) {
    found.push_back(brief(jobs_.at(id)));
  }
  return found;
}

}  // namespace whorl
