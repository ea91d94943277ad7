// How the server is, as JSON for the page and as text for Prometheus.
//
// Cost: reads counters; touches neither disk nor store, so that it answers under any load.
// Source: https://prometheus.io/docs/instrumenting/exposition_formats/ (text format 0.0.4)
#pragma once

#include <whorl/jobs/job_operation.h>
#include <whorl/jobs/value.h>
#include <whorl/reactor/reactor.h>
#include <whorl/web/server.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace whorl {

struct place_health {
  std::string name;
  std::string kind;
  std::size_t threads = 0;
  std::size_t running = 0;
  std::size_t queued = 0;
  std::uint64_t completed = 0;
};

struct server_health {
  duration up{};
  std::string backend;
  time_histogram turns;
  count_jobs::answer jobs;
  std::size_t store_waiting = 0;
  std::size_t running = 0;
  std::vector<place_health> places;
  web::server_statistics web;
  std::size_t watchers = 0;
};

value to_value(const server_health& health);
std::string to_metrics(const server_health& health);

inline double milliseconds_of(duration time) { return std::chrono::duration<double, std::milli>(time).count(); }

// The upper edge of the histogram's bucket that holds the given share of turns.
duration turn_percentile(const time_histogram& turns, double share);

}  // namespace whorl
