#include "jobs/job_health.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <iterator>

namespace whorl {

namespace {

double seconds_of(duration time) { return std::chrono::duration<double>(time).count(); }

std::chrono::microseconds upper_edge(std::size_t bucket) {
  return std::chrono::microseconds(std::int64_t{1} << bucket);
}

value loop_value(const server_health& health) {
  value histogram;
  for (std::size_t i = 0; i < time_histogram::buckets; ++i) {
    value bucket;
    bucket.set("below_us", upper_edge(i).count()).set("turns", health.turns.counts.at(i));
    histogram.append(std::move(bucket));
  }
  value loop;
  loop.set("backend", health.backend)
      .set("turns", health.turns.count)
      .set("longest_ms", milliseconds_of(health.turns.longest))
      .set("p50_ms", milliseconds_of(turn_percentile(health.turns, 0.50)))
      .set("p99_ms", milliseconds_of(turn_percentile(health.turns, 0.99)))
      .set("busy", health.up > duration::zero() ? seconds_of(health.turns.total) / seconds_of(health.up) : 0.0)
      .set("histogram", std::move(histogram));
  return loop;
}

value jobs_value(const server_health& health) {
  value jobs;
  for (const job_state state : job_states) {
    jobs.set(std::string(to_string(state)), health.jobs.of(state));
  }
  jobs.set("delayed", health.jobs.delayed).set("stale", health.jobs.stale);
  return jobs;
}

// One family of the text format: what it is, then its samples.
class metrics_text {
 public:
  void family(std::string_view name, std::string_view type, std::string_view help) {
    fmt::format_to(std::back_inserter(text_), "# HELP {0} {1}\n# TYPE {0} {2}\n", name, help, type);
  }
  template <class Number>
  void sample(std::string_view name, std::string_view labels, Number number) {
    fmt::format_to(std::back_inserter(text_), "{}{} {}\n", name, labels.empty() ? "" : fmt::format("{{{}}}", labels),
                   number);
  }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

void add_turns(metrics_text& metrics, const time_histogram& turns) {
  constexpr std::string_view name = "whorl_loop_turn_seconds";
  metrics.family(name, "histogram", "How long the loop's turns take, not counting its sleep.");
  std::uint64_t below = 0;
  for (std::size_t i = 0; i + 1 < time_histogram::buckets; ++i) {
    below += turns.counts.at(i);
    metrics.sample(fmt::format("{}_bucket", name), fmt::format("le=\"{}\"", seconds_of(upper_edge(i))), below);
  }
  metrics.sample(fmt::format("{}_bucket", name), "le=\"+Inf\"", turns.count);
  metrics.sample(fmt::format("{}_sum", name), "", seconds_of(turns.total));
  metrics.sample(fmt::format("{}_count", name), "", turns.count);
  metrics.family("whorl_loop_longest_turn_seconds", "gauge", "The longest turn so far.");
  metrics.sample("whorl_loop_longest_turn_seconds", "", seconds_of(turns.longest));
}

void add_jobs(metrics_text& metrics, const server_health& health) {
  metrics.family("whorl_jobs", "gauge", "Jobs in the store by state.");
  for (const job_state state : job_states) {
    metrics.sample("whorl_jobs", fmt::format("state=\"{}\"", to_string(state)), health.jobs.of(state));
  }
  metrics.family("whorl_jobs_stale_total", "counter", "Reports of attempts that had been given up.");
  metrics.sample("whorl_jobs_stale_total", "", health.jobs.stale);
  metrics.family("whorl_store_operations_waiting", "gauge", "Operations that wait for a commit.");
  metrics.sample("whorl_store_operations_waiting", "", health.store_waiting);
}

void add_places(metrics_text& metrics, const server_health& health) {
  metrics.family("whorl_place_queued", "gauge", "Calls that wait for a thread of their place.");
  for (const auto& place : health.places) {
    metrics.sample("whorl_place_queued", fmt::format("place=\"{}\"", place.name), place.queued);
  }
  metrics.family("whorl_place_running", "gauge", "Calls that a thread of their place runs.");
  for (const auto& place : health.places) {
    metrics.sample("whorl_place_running", fmt::format("place=\"{}\"", place.name), place.running);
  }
  metrics.family("whorl_place_completed_total", "counter", "Calls that have ended.");
  for (const auto& place : health.places) {
    metrics.sample("whorl_place_completed_total", fmt::format("place=\"{}\"", place.name), place.completed);
  }
}

void add_web(metrics_text& metrics, const server_health& health) {
  metrics.family("whorl_http_connections", "gauge", "Connections that are open.");
  metrics.sample("whorl_http_connections", "", health.web.connections_open);
  metrics.family("whorl_http_requests_total", "counter", "Requests that were answered or refused.");
  metrics.sample("whorl_http_requests_total", "outcome=\"handled\"", health.web.requests);
  metrics.sample("whorl_http_requests_total", "outcome=\"refused\"", health.web.requests_refused);
}

}  // namespace

duration turn_percentile(const time_histogram& turns, double share) {
  const auto wanted = static_cast<double>(turns.count) * share;
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < time_histogram::buckets; ++i) {
    seen += turns.counts.at(i);
    if (seen > 0 && static_cast<double>(seen) >= wanted) {
      return std::min<duration>(upper_edge(i), turns.longest);
    }
  }
  return turns.longest;
}

value to_value(const server_health& health) {
  value places;
  for (const auto& place : health.places) {
    value said;
    said.set("name", place.name)
        .set("kind", place.kind)
        .set("threads", place.threads)
        .set("running", place.running)
        .set("queued", place.queued)
        .set("completed", place.completed);
    places.append(std::move(said));
  }
  value web;
  web.set("connections", health.web.connections_open)
      .set("requests", health.web.requests)
      .set("refused", health.web.requests_refused)
      .set("watchers", health.watchers);
  value said;
  said.set("status", "ok")
      .set("up_seconds", seconds_of(health.up))
      .set("loop", loop_value(health))
      .set("jobs", jobs_value(health))
      .set("running", health.running)
      .set("store_waiting", health.store_waiting)
      .set("places", std::move(places))
      .set("web", std::move(web));
  return said;
}

std::string to_metrics(const server_health& health) {
  metrics_text metrics;
  add_turns(metrics, health.turns);
  add_jobs(metrics, health);
  add_places(metrics, health);
  add_web(metrics, health);
  return metrics.take();
}

}  // namespace whorl
