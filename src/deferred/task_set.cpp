#include <whorl/deferred/log.h>
#include <whorl/deferred/task_set.h>

#include <utility>
#include <vector>

namespace whorl {

// The destructors of what dies may look at the set: it is out of it before.
task_set::~task_set() { auto dropped = std::move(tasks_); }

void task_set::add(std::string name, deferred<void> work) {
  const std::uint64_t number = ++added_;
  auto reported = std::move(work).add_both(
      [this, number, name = std::move(name)](outcome<std::monostate> how) { ended(number, name, how); });
  if (!reported.ready()) {
    tasks_.emplace(number, std::move(reported));
  }
}

void task_set::ended(std::uint64_t number, const std::string& name, const outcome<std::monostate>& how) {
  if (!how && !how.error().check(errc::cancelled)) {
    log(log_level::error, "work in the background failed", {{"task", name}, {"failure", how.error().describe()}});
  }
  // Dropped while its callback runs, a deferred dies when the callback is done.
  if (tasks_.erase(number) == 1 && tasks_.empty()) {
    joiners_.serve_all();
  }
}

void task_set::cancel(const error& reason) {
  std::vector<std::uint64_t> underway;
  for (const auto& [number, work] : tasks_) {
    underway.push_back(number);
  }
  // Cancelling one may end others.
  for (const std::uint64_t number : underway) {
    if (const auto found = tasks_.find(number); found != tasks_.end()) {
      found->second.cancel(reason);
    }
  }
}

deferred<void> task_set::join() { return tasks_.empty() ? succeed() : joiners_.join(); }

}  // namespace whorl
