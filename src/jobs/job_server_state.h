// What a job server consists of, and how its parts reach each other.
#pragma once

#include <whorl/jobs/calc.h>
#include <whorl/jobs/file_roots.h>
#include <whorl/jobs/job_runner.h>
#include <whorl/jobs/job_server.h>
#include <whorl/jobs/sqlite_job_store.h>
#include <whorl/jobs/unit_system.h>
#include <whorl/places/defer_to.h>
#include <whorl/places/lane.h>
#include <whorl/places/thread_pool.h>
#include <whorl/process/process_pool.h>
#include <whorl/web/server.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace whorl {

struct server_health;

struct job_server::state {
  state(reactor& loop, calc_registry calcs, job_server_options options);

  static deferred<void> start(state* self);
  static deferred<void> stop(state* self);

  // The parts of start(), in job_api.cpp and job_server.cpp.
  void add_routes();
  void watch();
  void tell(const std::vector<job_change>& changes);
  void tell_progress(const running_job& running);
  void push(const value& event);
  static deferred<void> look_after(state* self);
  server_health health() const;
  std::string path_of(const std::string& result_file) const { return (results / result_file).string(); }

  reactor& loop;
  calc_registry calcs;
  job_server_options options;
  std::filesystem::path results;
  time_point began;

  // In the order in which they may die: what runs on a place dies before it.
  thread_pool pool;
  thread_pool files;  // reads result files, so that a full pool keeps no reader waiting
  lane<unit_system> units;
  process_pool processes;
  std::unique_ptr<job_store> store;
  std::optional<job_runner> runner;
  std::optional<web::server> site;

  std::vector<web::event_stream> watchers;
  count_jobs::answer counts;
  delayed_call look_timer;
  std::optional<deferred<void>> looking;
  int looks = 0;
  bool stopping = false;
};

}  // namespace whorl
