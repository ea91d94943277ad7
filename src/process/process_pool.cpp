#include <whorl/process/process_pool.h>

#include <whorl/deferred/log.h>
#include <whorl/process/command.h>

#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <list>
#include <utility>
#include <vector>

#include "process/pool_worker.h"
#include "process/worker_frame.h"

namespace whorl {

using process::pool_call;
using process::pool_worker;

namespace {

constexpr duration first_pause = std::chrono::milliseconds(100);  // after a worker that could not be started
constexpr duration longest_pause = std::chrono::seconds(5);

// A program that forgets it would start pools in its workers, and they in theirs.
void refuse_in_worker() {
  if (std::getenv(process::asked_to_work) != nullptr) {
    throw misuse(
        "a process_pool is made in a process that another pool started as its worker; call "
        "whorl::run_worker_if_asked() "
        "at the beginning of main");
  }
}

process::command worker_command(const process_pool_options& options, int memory) {
  process::command made(options.program);
  made.environment(process::asked_to_work, "1")
      .descriptor(0, process::wire::null())
      .descriptor(1, process::wire::same_as(2))
      .descriptor(process::requests_fd, process::wire::to_child())
      .descriptor(process::answers_fd, process::wire::from_child())
      .descriptor(process::memory_fd, process::wire::inherited(memory))
      .limit(process::resource::core_file_bytes, 0)
      .directory(options.directory)
      .signal_on_parent_death(SIGKILL)
      .end_group_on_exit()
      .end_on_exit(duration::zero());
  if (options.address_space_bytes) {
    made.limit(process::resource::address_space_bytes, *options.address_space_bytes);
  }
  return made;
}

}  // namespace

class process_pool::state final : public process::worker_owner, public std::enable_shared_from_this<state> {
 public:
  state(reactor& loop, process_pool_options options) noexcept : loop_(loop), options_(std::move(options)) {}

  const process_pool_options& options() const noexcept override { return options_; }
  reactor& loop() const noexcept override { return loop_; }

  void fill();
  deferred<std::string> call(const std::string& function, std::string arguments);
  deferred<void> stop(duration patience);
  void close();
  process_pool_statistics statistics() const;

 private:
  void worker_ready(pool_worker& worker) override;
  void call_answered(pool_worker& worker, pool_call call, result<std::string> answer) override;
  void worker_ended(pool_worker& worker, std::optional<pool_call> call, error why) override;

  std::optional<error> refusal(std::size_t argument_bytes) const;
  void work();
  void fill_later(duration pause);
  result<void> start_worker();
  void start_failed(const error& why);
  bool renewed(pool_worker& worker);
  void cancel(std::uint64_t serial);
  void fail_waiting(const error& why);
  void give_up();
  void look_for_end();

  reactor& loop_;
  const process_pool_options options_;
  std::list<pool_call> waiting_;
  std::vector<pool_worker*> workers_;
  std::uint64_t serial_ = 0;
  process_pool_statistics counts_;
  std::optional<error> why_none_starts_;
  std::size_t failed_starts_ = 0;
  time_point next_start_{};
  delayed_call filling_;
  delayed_call patience_;
  bool stopping_ = false;
  std::vector<promise<void>> stopped_;
};

std::optional<error> process_pool::state::refusal(std::size_t argument_bytes) const {
  if (stopping_) {
    return error(errc::shutting_down, fmt::format("the pool \"{}\" is stopping, and takes no calls", options_.name));
  }
  if (argument_bytes > options_.most_packed_bytes) {
    return error(
        errc::too_large,
        fmt::format("the arguments of a call take {} bytes, more than the {} that the pool \"{}\" allows; give "
                    "it less at once, or raise its most_packed_bytes",
                    argument_bytes, options_.most_packed_bytes, options_.name));
  }
  if (waiting_.size() >= options_.most_queued) {
    return error(errc::full, fmt::format("{} calls wait for the pool \"{}\", which takes no more; ask again when some "
                                         "have ended, or raise its most_queued",
                                         waiting_.size(), options_.name));
  }
  if (why_none_starts_ && workers_.empty() && loop_.now() < next_start_) return why_none_starts_;
  return std::nullopt;
}

deferred<std::string> process_pool::state::call(const std::string& function, std::string arguments) {
  loop_.require_this_thread("process_pool::call");
  if (auto why = refusal(arguments.size())) return fail<std::string>(*std::move(why));
  const std::uint64_t serial = ++serial_;
  promise<std::string> answer([pool = weak_from_this(), serial] {
    if (const auto self = pool.lock()) self->cancel(serial);
  });
  deferred<std::string> pending = answer.get_deferred();
  waiting_.push_back({.serial = serial,
                      .function = function,
                      .arguments = std::move(arguments),
                      .answer = std::move(answer),
                      .since = loop_.now()});
  work();
  return pending;
}

// Gives waiting calls to idle workers, the first to the first, and starts workers for the rest.
void process_pool::state::work() {
  const auto self = shared_from_this();
  while (!waiting_.empty()) {
    const auto idle = std::ranges::find_if(workers_, [](const pool_worker* each) { return each->idle(); });
    if (idle == workers_.end()) break;
    pool_call next = std::move(waiting_.front());
    waiting_.pop_front();
    const time_point since = next.since;
    if (const auto begun = (*idle)->begin(next); !begun) {
      next.answer.errback(begun.error());
    } else {
      counts_.waited.add(loop_.now() - since);
    }
  }
  fill();
}

void process_pool::state::fill() {
  const std::size_t running = std::ranges::count_if(workers_, &pool_worker::running);
  const std::size_t ahead = stopping_ ? 0 : options_.started_ahead;
  const std::size_t wanted = std::min(options_.most_workers, std::max(ahead, running + waiting_.size()));
  while (workers_.size() < wanted) {
    if (loop_.now() < next_start_) return fill_later(next_start_ - loop_.now());
    if (const auto started = start_worker(); !started) return start_failed(started.error());
  }
}

// In a turn of its own: never inside a worker's last event, which may be the loop's end.
void process_pool::state::fill_later(duration pause) {
  if (filling_.active()) return;
  filling_ = loop_.call_later(pause, [this] { work(); });
}

result<void> process_pool::state::start_worker() {
  auto memory = process::shared_memory::make(options_.most_packed_bytes);
  if (!memory) return std::unexpected(memory.error());
  const process::command command = worker_command(options_, memory->fd());
  auto worker = std::make_unique<pool_worker>(shared_from_this(), std::move(*memory));
  pool_worker& made = *worker;
  if (auto started = command.spawn(loop_, std::move(worker)); !started) return std::unexpected(started.error());
  workers_.push_back(&made);
  ++counts_.started;
  return {};
}

// A pause, which grows, is between two attempts, so that a program that cannot be started does not keep the loop busy.
void process_pool::state::start_failed(const error& why) {
  const auto self = shared_from_this();
  const duration pause = std::min(longest_pause, first_pause * (1 << std::min<std::size_t>(failed_starts_++, 10)));
  next_start_ = loop_.now() + pause;
  why_none_starts_ =
      error(why.code(),
            fmt::format("the pool \"{}\" cannot start a worker: {}; \"{}\" must call whorl::run_worker_if_asked() at "
                        "the beginning of its main",
                        options_.name, why.message(), options_.program));
  log(log_level::warning, "a worker process could not be started",
      {{"pool", options_.name},
       {"why", why.message()},
       {"again in ms", std::to_string(pause / std::chrono::milliseconds(1))}});
  filling_.cancel();
  if (workers_.empty()) fail_waiting(*why_none_starts_);
  look_for_end();
  if (!stopping_) fill_later(pause);
}

void process_pool::state::worker_ready(pool_worker& /*worker*/) { work(); }

void process_pool::state::call_answered(pool_worker& worker, pool_call call, result<std::string> answer) {
  const auto self = shared_from_this();
  failed_starts_ = 0;
  why_none_starts_.reset();
  ++counts_.completed;
  counts_.ran.add(loop_.now() - call.since);
  if (renewed(worker)) ++counts_.renewed;
  work();
  look_for_end();
  if (answer) {
    call.answer.callback(*std::move(answer));
  } else {
    call.answer.errback(answer.error());
  }
}

bool process_pool::state::renewed(pool_worker& worker) {
  if (worker.ending() ||
      (worker.calls() < options_.renewed_after_calls && worker.resident_bytes() <= options_.renewed_above_bytes)) {
    return false;
  }
  worker.retire();
  return true;
}

// One that dies before it was of any use counts as one that cannot be started.
void process_pool::state::worker_ended(pool_worker& worker, std::optional<pool_call> call, error why) {
  const auto self = shared_from_this();
  const bool useless = worker.calls() == 0 && (!stopping_ || !waiting_.empty());
  std::erase(workers_, &worker);
  if (useless) {
    start_failed(why);
  } else {
    fill_later(duration::zero());
  }
  look_for_end();
  if (call) {
    ++counts_.crashed;
    call->answer.errback(std::move(why));
  }
}

void process_pool::state::cancel(std::uint64_t serial) {
  const auto self = shared_from_this();
  if (std::erase_if(waiting_, [serial](const pool_call& each) { return each.serial == serial; }) == 0) {
    const auto running =
        std::ranges::find_if(workers_, [serial](const pool_worker* each) { return each->runs(serial); });
    if (running != workers_.end()) {
      ++counts_.crashed;
      (*running)->forget_call();
    }
  }
  look_for_end();
}

void process_pool::state::fail_waiting(const error& why) {
  for (auto& each : std::exchange(waiting_, {})) {
    each.answer.errback(why);
  }
}

deferred<void> process_pool::state::stop(duration patience) {
  loop_.require_this_thread("process_pool::stop");
  stopping_ = true;
  if (patience != duration::max()) {
    patience_ = loop_.call_later(patience, [this] { give_up(); });
  }
  stopped_.emplace_back();
  deferred<void> done = stopped_.back().get_deferred();
  look_for_end();
  return done;
}

void process_pool::state::give_up() {
  const auto self = shared_from_this();
  const error why(errc::shutting_down, fmt::format("the pool \"{}\" has stopped", options_.name));
  for (pool_worker* each : workers_) {
    each->stop_call(why);
  }
  fail_waiting(why);
  look_for_end();
}

// Of the pool, when it stops: nothing waits or runs, and then no worker is left.
void process_pool::state::look_for_end() {
  if (!stopping_ || !waiting_.empty() || std::ranges::any_of(workers_, &pool_worker::running)) return;
  for (pool_worker* each : workers_) {
    each->retire();
  }
  if (!workers_.empty()) return;
  filling_.cancel();
  patience_.cancel();
  for (auto& each : std::exchange(stopped_, {})) {
    each.callback();
  }
}

void process_pool::state::close() {
  const auto self = shared_from_this();
  stopping_ = true;
  filling_.cancel();
  patience_.cancel();
  std::vector<pool_call> ended;
  for (pool_worker* each : std::exchange(workers_, {})) {
    if (auto call = each->disown()) ended.push_back(*std::move(call));
  }
  const error why(errc::shutting_down, fmt::format("the pool \"{}\" was destroyed", options_.name));
  for (auto& each : ended) {
    each.answer.errback(why);
  }
  fail_waiting(why);
  for (auto& each : std::exchange(stopped_, {})) {
    each.callback();
  }
}

process_pool_statistics process_pool::state::statistics() const {
  process_pool_statistics now = counts_;
  now.workers = workers_.size();
  now.idle = std::ranges::count_if(workers_, &pool_worker::idle);
  now.running = std::ranges::count_if(workers_, &pool_worker::running);
  now.queued = waiting_.size();
  return now;
}

process_pool::process_pool(reactor& loop, process_pool_options options) {
  loop.require_this_thread("process_pool::process_pool");
  refuse_in_worker();
  state_ = std::make_shared<state>(loop, std::move(options));
  state_->fill();
}

process_pool::~process_pool() { state_->close(); }

deferred<std::string> process_pool::call(const std::string& function, std::string arguments) {
  return state_->call(function, std::move(arguments));
}

deferred<void> process_pool::stop(duration patience) { return state_->stop(patience); }

const std::string& process_pool::name() const noexcept { return state_->options().name; }

process_pool_statistics process_pool::statistics() const { return state_->statistics(); }

}  // namespace whorl
