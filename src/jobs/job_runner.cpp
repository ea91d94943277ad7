#include <whorl/deferred/log.h>
#include <whorl/jobs/job_runner.h>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <exception>
#include <system_error>
#include <utility>

namespace whorl {

namespace {

using std::chrono::milliseconds;

// How many jobs begin in one turn of the loop: more would hold it up.
constexpr std::size_t most_leased_at_once = 64;

// How long the runner waits before it asks a store again that failed.
constexpr auto store_pause = std::chrono::seconds(1);

// How often it looks for jobs whose delay is over, for leases that ran out, and for work that nobody takes.
constexpr auto look_every = std::chrono::seconds(1);

// How often in a row it finds work that nobody takes before it says so.
constexpr int looks_until_alarm = 3;

// How many progress samples pass between two that are written down.
constexpr int samples_a_report = 4;

}  // namespace

struct job_runner::state {
  // Jobs whose first place is the same share their slots.
  struct slot_group {
    std::size_t slots = 0;
    std::size_t taken = 0;
    std::vector<std::string> calcs;
    bool leasing = false;
    std::optional<deferred<void>> lease;
  };

  enum class ending : std::uint8_t { by_itself, stopped, handed_back };

  struct run {
    job taken;
    const calc* what = nullptr;
    slot_group* group = nullptr;
    calc_progress progress;
    time_point since;
    double shown = 0;    // the progress that watchers know of
    double written = 0;  // and the store
    bool calculating = true;
    ending how = ending::by_itself;
    std::optional<deferred<void>> work;
  };

  state(reactor& loop, job_store& store, const calc_registry& calcs, calc_places places, job_runner_options options);

  void fill_soon();
  void fill();
  static deferred<void> lease_some(state* self, slot_group* group);
  void begin(slot_group& group, job taken);

  static deferred<void> run_job(state* self, attempt_id attempt);
  static deferred<attempt_end> calculate(state* self, attempt_id attempt);
  static deferred<void> write_end(state* self, attempt_end end);
  void forget(attempt_id attempt);
  void end_drain();

  void stop(run& running, ending how, const char* reason);
  void obey(const std::vector<attempt_id>& attempts, const std::vector<standing>& standings);
  std::vector<attempt_id> attempts() const;

  static deferred<void> renew(state* self);
  void sample();
  static deferred<void> report(state* self, std::vector<progress_report> reports);
  static deferred<void> look(state* self);

  void every(delayed_call& timer, milliseconds period, void (*tick)(state&));
  running_job describe(const run& running) const;

  reactor& loop;
  job_store& store;
  const calc_registry& calcs;
  calc_places places;
  job_runner_options options;
  job_runner* owner = nullptr;

  std::array<slot_group, 4> groups;
  std::map<attempt_id, run> runs;
  std::optional<deferred<void>> renewing;
  std::optional<deferred<void>> reporting;
  std::optional<deferred<void>> looking;
  delayed_call renew_timer;
  delayed_call sample_timer;
  delayed_call look_timer;
  delayed_call due_timer;
  delayed_call fill_timer;
  delayed_call drain_timer;
  bool started = false;
  bool draining = false;
  int overlooked = 0;  // looks in a row that found work and nobody at it, and nothing was begun between them
  int samples = 0;
  std::optional<promise<void>> drained;
};

job_runner::state::state(reactor& loop, job_store& store, const calc_registry& calcs, calc_places places,
                         job_runner_options options)
    : loop(loop), store(store), calcs(calcs), places(std::move(places)), options(std::move(options)) {
  groups.at(static_cast<std::size_t>(place_kind::loop)).slots = this->options.slots_on_loop;
  groups.at(static_cast<std::size_t>(place_kind::lane)).slots = this->options.slots_in_lane;
  groups.at(static_cast<std::size_t>(place_kind::pool)).slots = this->options.slots_in_pool;
  groups.at(static_cast<std::size_t>(place_kind::process)).slots = this->options.slots_in_process;
  for (const calc* offered : calcs.all()) {
    groups.at(static_cast<std::size_t>(offered->places.front().place)).calcs.push_back(offered->name);
  }
}

// Several jobs that end together free their slots before anything new is leased for them.
void job_runner::state::fill_soon() {
  if (started && !draining && !fill_timer.active()) {
    fill_timer = loop.call_later(duration::zero(), [this] { fill(); });
  }
}

void job_runner::state::fill() {
  for (auto& group : groups) {
    if (!draining && !group.leasing && !group.calcs.empty() && group.taken < group.slots) {
      group.leasing = true;
      group.lease = lease_some(this, &group);
    }
  }
}

deferred<void> job_runner::state::lease_some(state* self, slot_group* group) {
  lease_jobs wanted;
  wanted.worker = self->options.worker;
  wanted.most = std::min(group->slots - group->taken, most_leased_at_once);
  wanted.lasting = self->options.lease;
  wanted.calcs = group->calcs;
  auto leased = co_await self->store.lease(std::move(wanted)).result();
  if (!leased) {
    log(log_level::warning, "jobs could not be leased", {{"error", leased.error().what()}});
    co_await self->loop.sleep(store_pause);
  } else {
    for (auto& taken : *leased) {
      self->begin(*group, std::move(taken));
    }
  }
  group->leasing = false;
  if (!leased || !leased->empty()) {
    self->fill_soon();
  }
}

void job_runner::state::begin(slot_group& group, job taken) {
  const attempt_id attempt = taken.current();
  run& fresh = runs[attempt];
  fresh.what = calcs.find(taken.calc);
  fresh.taken = std::move(taken);
  fresh.group = &group;
  fresh.since = loop.now();
  ++group.taken;
  overlooked = 0;
  deferred<void> work = run_job(this, attempt);
  if (const auto begun = runs.find(attempt); begun != runs.end()) {
    begun->second.work = std::move(work);
  }
}

deferred<void> job_runner::state::run_job(state* self, attempt_id attempt) {
  auto end = co_await calculate(self, attempt);
  co_await write_end(self, std::move(end));
  self->forget(attempt);
}

deferred<attempt_end> job_runner::state::calculate(state* self, attempt_id attempt) {
  run& running = self->runs.at(attempt);
  std::string wrong;
  try {
    auto arguments = parse_value(running.taken.arguments);
    if (!arguments) {
      throw arguments.error();
    }
    auto checked = running.what->check(*arguments);
    if (!checked) {
      throw checked.error().to_error();
    }
    calc_run given{.places = self->places,
                   .arguments = std::move(*checked),
                   .progress = running.progress,
                   .table = self->options.results / fmt::format("{}-{}.csv", to_string(attempt.job), attempt.number)};
    auto work = running.what->run(std::move(given));
    auto done = co_await std::move(work);
    running.calculating = false;
    value result;
    result.set("answer", std::move(done.answer)).set("parts", to_value(done.parts));
    co_return attempt_end::done(attempt, to_text(result), done.table ? done.table->filename().string() : "");
  } catch (const error& why) {
    wrong = why.what();
  } catch (const std::exception& why) {
    wrong = fmt::format("the calculation threw an exception: {}", why.what());
  }
  running.calculating = false;
  if (running.how == ending::stopped) {
    co_return attempt_end::stopped(attempt);
  }
  if (running.how == ending::handed_back) {
    co_return attempt_end::released(attempt);
  }
  co_return attempt_end::failed(attempt, std::move(wrong), "", retry_policy());
}

// A result is not given up because the store fails for a while: its lease is renewed, and the end is tried again.
deferred<void> job_runner::state::write_end(state* self, attempt_end end) {
  bool written = false;
  while (!written) {
    std::vector<attempt_end> ends{end};
    auto answers = co_await self->store.end(std::move(ends)).result();
    if (!answers) {
      log(log_level::warning, "the end of a job could not be written and is tried again",
          {{"job", to_string(end.attempt.job)}, {"error", answers.error().what()}});
      co_await self->loop.sleep(store_pause);
      continue;
    }
    const result<standing>& answer = answers->front();
    if (!answer) {
      end = attempt_end::failed(end.attempt, answer.error().what(), "ask for less at a time", retry_policy());
      continue;
    }
    written = true;
    if (*answer == standing::stale) {
      log(log_level::warning, "an attempt that was given up has ended; its result changes nothing",
          {{"job", to_string(end.attempt.job)}, {"attempt", std::to_string(end.attempt.number)}});
    }
    if (*answer != standing::current || end.as != attempt_end::how::done) {
      std::error_code ignored;  // there may be no such file
      std::filesystem::remove(
          self->options.results / fmt::format("{}-{}.csv", to_string(end.attempt.job), end.attempt.number), ignored);
    }
  }
}

void job_runner::state::forget(attempt_id attempt) {
  const auto ended = runs.find(attempt);
  --ended->second.group->taken;
  runs.erase(ended);
  if (draining && runs.empty()) {
    // In a later turn: whoever waits may destroy the store, and this may be inside one of its callbacks.
    drain_timer = loop.call_later(duration::zero(), [this] { end_drain(); });
    return;
  }
  fill_soon();
}

void job_runner::state::end_drain() {
  if (drained && !drained->fired()) {
    auto done = std::move(*drained);
    drained.reset();
    done.callback();
  }
}

void job_runner::state::stop(run& running, ending how, const char* reason) {
  if (running.calculating && running.how == ending::by_itself && running.work) {
    running.how = how;
    running.work->cancel(error(errc::cancelled, reason));
  }
}

void job_runner::state::obey(const std::vector<attempt_id>& asked, const std::vector<standing>& standings) {
  for (std::size_t i = 0; i < asked.size() && i < standings.size(); ++i) {
    const auto found = runs.find(asked[i]);
    if (found == runs.end() || standings[i] == standing::current) {
      continue;
    }
    stop(found->second, ending::stopped,
         standings[i] == standing::stale ? "the job's lease was lost" : "the job was cancelled");
  }
}

std::vector<attempt_id> job_runner::state::attempts() const {
  std::vector<attempt_id> all;
  all.reserve(runs.size());
  for (const auto& [attempt, running] : runs) {
    all.push_back(attempt);
  }
  return all;
}

deferred<void> job_runner::state::renew(state* self) {
  auto held = self->attempts();
  auto standings = co_await self->store.renew(held, self->options.lease).result();
  if (standings) {
    self->obey(held, *standings);
  } else {
    log(log_level::warning, "leases could not be renewed", {{"error", standings.error().what()}});
  }
}

void job_runner::state::sample() {
  const bool write_down = ++samples % samples_a_report == 0 && (!reporting || reporting->ready());
  std::vector<progress_report> reports;
  for (auto& [attempt, running] : runs) {
    const double fraction = running.progress.fraction();
    if (fraction != running.shown && owner->on_progress) {
      running.shown = fraction;
      owner->on_progress(describe(running));
    }
    if (fraction != running.written && write_down) {
      running.written = fraction;
      const auto rows = running.progress.rows();
      reports.push_back(
          {.attempt = attempt, .progress = fraction, .note = rows > 0 ? fmt::format("{} rows", rows) : ""});
    }
  }
  if (!reports.empty()) {
    reporting = report(this, std::move(reports));
  }
}

deferred<void> job_runner::state::report(state* self, std::vector<progress_report> reports) {
  std::vector<attempt_id> reported;
  for (const auto& each : reports) {
    reported.push_back(each.attempt);
  }
  auto standings = co_await self->store.progress(std::move(reports)).result();
  if (standings) {
    self->obey(reported, *standings);
  }
}

deferred<void> job_runner::state::look(state* self) {
  auto expired = co_await self->store.expire().result();
  auto counts = co_await self->store.count().result();
  if (!expired || !counts) {
    co_return;
  }
  for (const job_id failed : expired->failed) {
    log(log_level::error, "a job crashed too often and has failed", {{"job", to_string(failed)}});
  }
  if (counts->next_due) {
    const auto wait = std::max(milliseconds::zero(), *counts->next_due - system_job_clock());
    if (wait <= look_every) {
      self->due_timer = self->loop.call_later(wait, [self] { self->fill(); });
    }
  }
  const bool nobody_works = counts->eligible() > 0 && self->runs.empty();
  self->overlooked = nobody_works ? self->overlooked + 1 : 0;
  if (self->overlooked == looks_until_alarm) {
    log(log_level::warning, "jobs are waiting but none is leased; is each of their calculations offered here?",
        {{"waiting", std::to_string(counts->eligible())}});
  }
  if (nobody_works) {
    self->fill();
  }
}

void job_runner::state::every(delayed_call& timer, milliseconds period, void (*tick)(state&)) {
  timer = loop.call_later(period, [this, &timer, period, tick] {
    every(timer, period, tick);
    tick(*this);
  });
}

running_job job_runner::state::describe(const run& running) const {
  return {.attempt = running.taken.current(),
          .calc = running.taken.calc,
          .progress = running.progress.fraction(),
          .rows = running.progress.rows(),
          .since = running.since};
}

job_runner::job_runner(reactor& loop, job_store& store, const calc_registry& calcs, calc_places places,
                       job_runner_options options)
    : state_(std::make_unique<state>(loop, store, calcs, std::move(places), std::move(options))) {
  state_->owner = this;
}

job_runner::~job_runner() = default;

deferred<void> job_runner::start() {
  state& self = *state_;
  auto recovered = co_await self.store.recover(self.options.worker);
  const auto again = recovered.queued.size();
  if (again > 0) {
    log(log_level::info, "jobs that an earlier process left running are run again", {{"jobs", std::to_string(again)}});
  }
  self.started = true;
  self.every(self.renew_timer, self.options.renew_every, [](state& s) {
    if (!s.runs.empty() && (!s.renewing || s.renewing->ready())) {
      s.renewing = state::renew(&s);
    }
  });
  self.every(self.sample_timer, self.options.sample_every, [](state& s) { s.sample(); });
  self.every(self.look_timer, look_every, [](state& s) {
    if (!s.draining && (!s.looking || s.looking->ready())) {
      s.looking = state::look(&s);
    }
  });
  self.fill();
}

void job_runner::work_arrived() { state_->fill_soon(); }

void job_runner::stop(job_id id) {
  const attempt_id first{.job = id, .number = 0};
  for (auto at = state_->runs.lower_bound(first); at != state_->runs.end() && at->first.job == id; ++at) {
    state_->stop(at->second, state::ending::stopped, "the job was cancelled");
  }
}

deferred<void> job_runner::drain() {
  state& self = *state_;
  self.draining = true;
  self.fill_timer.cancel();
  self.due_timer.cancel();
  if (self.runs.empty()) {
    return succeed();
  }
  const auto hand_back = [&self] {
    for (const attempt_id attempt : self.attempts()) {
      if (const auto found = self.runs.find(attempt); found != self.runs.end()) {
        self.stop(found->second, state::ending::handed_back, "the server stops");
      }
    }
  };
  self.drained.emplace(hand_back);
  self.drain_timer = self.loop.call_later(self.options.drain_limit, hand_back);
  return self.drained->get_deferred();
}

std::size_t job_runner::running_jobs() const noexcept { return state_->runs.size(); }

std::optional<running_job> job_runner::find(attempt_id attempt) const {
  const auto found = state_->runs.find(attempt);
  return found == state_->runs.end() ? std::nullopt : std::optional(state_->describe(found->second));
}

}  // namespace whorl
