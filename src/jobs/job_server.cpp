#include "jobs/job_health.h"
#include "jobs/job_json.h"
#include "jobs/job_server_state.h"

#include <whorl/deferred/log.h>

#include <fmt/format.h>

#include <algorithm>
#include <system_error>
#include <thread>
#include <utility>

namespace whorl {

namespace {

constexpr auto look_every = std::chrono::seconds(1);
constexpr int looks_a_sweep = 60;

std::size_t threads_of(const job_server_options& options) {
  return options.threads > 0 ? options.threads : std::max(1U, std::thread::hardware_concurrency());
}

file_roots open_roots(may_block& wait, std::vector<std::string> directories) {
  return file_roots(wait, {directories.begin(), directories.end()});
}

void make_directory(may_block& /*wait*/, std::string path) {
  std::error_code failed;
  std::filesystem::create_directories(path, failed);
  if (failed) {
    throw error(failed, fmt::format("make the directory \"{}\": {}; choose another place with --store", path,
                                    failed.message()));
  }
}

void delete_files(may_block& /*wait*/, std::vector<std::string> paths) {
  for (const auto& path : paths) {
    std::error_code ignored;  // it is gone already
    std::filesystem::remove(path, ignored);
  }
}

}  // namespace

job_server::state::state(reactor& loop, calc_registry calcs, job_server_options options)
    : loop(loop),
      calcs(std::move(calcs)),
      options(std::move(options)),
      results(this->options.store.string() + ".results"),
      began(loop.now()),
      pool({.name = "pool", .most_threads = threads_of(this->options)}),
      files({.name = "files", .most_threads = 1}),
      units({.name = "units"}),
      processes(loop, this->options.processes) {
  this->options.programs.require_absolute();
}

deferred<void> job_server::state::start(state* self) {
  std::vector<std::string> roots;
  for (const auto& root : self->options.input_roots) {
    roots.push_back(root.string());
  }
  if (roots.empty()) {
    roots.emplace_back(".");
  }
  auto opened_roots = co_await defer_to(self->files, open_roots, std::move(roots));
  auto inputs = std::make_shared<const file_roots>(std::move(opened_roots));
  co_await defer_to(self->files, make_directory, self->results.string());

  sqlite_job_store_options kept{.path = self->options.store.string(), .limits = self->options.limits};
  self->store = co_await open_sqlite_job_store(std::move(kept));
  self->store->on_change([self](const std::vector<job_change>& changes) { self->tell(changes); });

  job_runner_options running = self->options.runner;
  running.results = self->results;
  running.slots_in_pool = threads_of(self->options);
  running.slots_in_process = self->options.processes.most_workers;
  const calc_places places{.pool = self->pool,
                           .pool_threads = threads_of(self->options),
                           .units = self->units,
                           .inputs = std::move(inputs),
                           .processes = &self->processes,
                           .programs = &self->options.programs};
  self->runner.emplace(self->loop, *self->store, self->calcs, places, std::move(running));
  self->runner->on_progress = [self](const running_job& moved) { self->tell_progress(moved); };

  self->site.emplace(self->loop, self->options.web);
  self->add_routes();
  co_await self->site->listen(self->options.listen);
  co_await self->runner->start();
  self->watch();
}

// New requests are refused while the last jobs end; whoever watches sees them end.
deferred<void> job_server::state::stop(state* self) {
  if (std::exchange(self->stopping, true)) {
    co_return;
  }
  self->look_timer.cancel();
  if (self->runner) {
    co_await self->runner->drain();
  }
  if (self->site) {
    co_await self->site->stop();
  }
  co_await self->processes.stop();
  self->runner.reset();
  self->site.reset();
  if (self->store) {
    co_await self->store->close();
  }
  self->store.reset();
}

void job_server::state::watch() {
  look_timer = loop.call_later(look_every, [this] {
    watch();
    if (!looking || looking->ready()) {
      looking = look_after(this);
    }
  });
}

// Keeps the counts that are shown fresh, and lets retention do its work.
deferred<void> job_server::state::look_after(state* self) {
  auto counts = co_await self->store->count().result();
  if (counts) {
    self->counts = *counts;
  }
  if (++self->looks % looks_a_sweep != 0) {
    co_return;
  }
  auto swept = co_await self->store->sweep(self->options.retention).result();
  if (!swept || swept->result_files.empty()) {
    co_return;
  }
  std::vector<std::string> paths;
  for (const auto& file : swept->result_files) {
    paths.push_back(self->path_of(file));
  }
  co_await defer_to(self->files, delete_files, std::move(paths));
}

void job_server::state::tell(const std::vector<job_change>& changes) {
  bool queued = false;
  for (const job_change& change : changes) {
    queued = queued || change.state == job_state::queued;
    if (!watchers.empty()) {
      push(event_of(change, ""));
    }
  }
  if (queued && runner) {
    runner->work_arrived();
  }
}

void job_server::state::tell_progress(const running_job& running) {
  if (!watchers.empty()) {
    push(event_of({.id = running.attempt.job,
                   .state = job_state::running,
                   .progress = running.progress,
                   .note = running.rows > 0 ? fmt::format("{} rows", running.rows) : ""},
                  running.calc));
  }
}

void job_server::state::push(const value& event) {
  const std::string text = web::format({.data = to_text(event), .name = "job", .id = ""});
  std::erase_if(watchers, [&text](web::event_stream& watcher) { return !watcher.push_formatted(text); });
}

server_health job_server::state::health() const {
  const auto of_pool = [](const thread_pool& from, const char* name) {
    const auto now = from.statistics();
    return place_health{.name = name,
                        .kind = "pool",
                        .threads = now.threads,
                        .running = now.running,
                        .queued = now.queued,
                        .completed = now.completed};
  };
  const auto lane_now = units.statistics();
  const auto processes_now = processes.statistics();
  return {.up = loop.now() - began,
          .backend = std::string(loop.io().name()),
          .turns = loop.turns(),
          .jobs = counts,
          .store_waiting = store->waiting(),
          .running = runner->running_jobs(),
          .places = {of_pool(pool, "pool"), of_pool(files, "files"),
                     place_health{.name = "units",
                                  .kind = "lane",
                                  .threads = lane_now.threads,
                                  .running = lane_now.running,
                                  .queued = lane_now.queued,
                                  .completed = lane_now.completed},
                     place_health{.name = "processes",
                                  .kind = "processes",
                                  .threads = processes_now.workers,
                                  .running = processes_now.running,
                                  .queued = processes_now.queued,
                                  .completed = processes_now.completed + processes_now.crashed}},
          .web = site->statistics(),
          .watchers = watchers.size()};
}

job_server::job_server(reactor& loop, calc_registry calcs, job_server_options options)
    : state_(std::make_unique<state>(loop, std::move(calcs), std::move(options))) {}

job_server::~job_server() = default;

deferred<void> job_server::start() { return state::start(state_.get()); }
deferred<void> job_server::stop() { return state::stop(state_.get()); }

std::string job_server::url() const {
  const std::string at = state_->site->local_address().to_string();
  constexpr std::string_view tcp = "tcp:";
  return at.starts_with(tcp) ? "http://" + at.substr(tcp.size()) : at;
}

}  // namespace whorl
