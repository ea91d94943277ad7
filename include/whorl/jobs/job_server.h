// A job_server is the calculation server: it accepts jobs over HTTP, keeps them in a store, runs each in the place
// where it belongs, and shows them on a page.
//
//     job_server server(loop, standard_calcs(), {.listen = "tcp:127.0.0.1:8080", .store = "jobs.db"});
//     co_await server.start();
//     log(log_level::info, server.url());
//     ...
//     co_await server.stop();
//
// | request                  | answer                                                                             |
// |--------------------------|------------------------------------------------------------------------------------|
// | POST /jobs               | 202 and the job, once it is on disk; {"calc": ..., "args": {...}}, Idempotency-Key |
// | GET /jobs                | {"jobs": [...], "next": id or null}; ?state= &calc= &before= &limit=                |
// | GET /jobs/{id}           | one job in full                                                                    |
// | GET /jobs/{id}/result    | its answer, as JSON, or its table, as CSV; ?rows= gives the first rows of a table   |
// | DELETE /jobs/{id}        | cancels it                                                                         |
// | GET /events              | server-sent events: "job" for each change and for progress                         |
// | GET /calcs               | what is offered, with arguments, places and reasons                                |
// | GET /explain             | ?name= says where functions may run, ?like= which names are known; else a page to search  |
// | GET /health, /metrics    | how the loop, the places and the queue are; JSON, and Prometheus text               |
// | GET /guard               | what held the loop up, the longest of what it ran, and where its source lets it wait   |
// | GET /                    | the page                                                                           |
//
// What is wrong with a request is answered with 4xx and {"error": what, "where": field, "hint": what to do}.
//
// Thread:   the loop's. Lifetime: stop() before destroying it; else what runs is run again after the next start.
#pragma once

#include <whorl/deferred/deferred.h>
#include <whorl/guard/stall_watch.h>
#include <whorl/jobs/calc.h>
#include <whorl/jobs/exec_programs.h>
#include <whorl/jobs/job_operation.h>
#include <whorl/jobs/job_runner.h>
#include <whorl/process/process_pool.h>
#include <whorl/reactor/reactor.h>
#include <whorl/web/server.h>

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace whorl {

struct job_server_options {
  std::string listen = "tcp:127.0.0.1:8080";
  std::filesystem::path store = "whorl-jobs.db";   // tables of results are kept beside it, in STORE.results
  std::size_t threads = 0;                         // of the pool; 0: one a core
  std::vector<std::filesystem::path> input_roots;  // jobs may read files below these; none: the working directory
  process_pool_options processes = {.started_ahead = 0};  // the program's main calls run_worker_if_asked
  exec_programs programs;                                 // what exec.run may run
  std::shared_ptr<const stall_watch> guard;  // of the loop, for GET /guard; it dies with the server, before the loop
  job_limits limits;
  sweep_jobs retention;
  job_runner_options runner;  // results, slots_in_pool and slots_in_process are filled in
  web::server_options web;
};

class job_server {
 public:
  // Throws error if a directory cannot be made or read.
  job_server(reactor& loop, calc_registry calcs, job_server_options options);
  ~job_server();
  job_server(const job_server&) = delete;
  job_server& operator=(const job_server&) = delete;

  // Opens the store, takes up what an earlier process left, listens.
  // Fails: what the store or the endpoint have to say; nothing runs then.
  deferred<void> start();

  // Stops taking jobs from the queue, lets those that run end, answers what is being asked, then closes.
  deferred<void> stop();

  // As in http://127.0.0.1:8080; once started.
  std::string url() const;

  struct state;

 private:
  std::unique_ptr<state> state_;
};

}  // namespace whorl
