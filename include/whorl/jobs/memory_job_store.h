// The job store that forgets: jobs are kept in memory, for tests and for servers that run without a file.
#pragma once

#include <whorl/jobs/job_store.h>
#include <whorl/reactor/reactor.h>

#include <memory>

namespace whorl {

struct memory_job_store_options {
  job_limits limits{};
  job_clock clock = system_job_clock;
};

// Operations are answered in a later turn of the loop.
std::unique_ptr<job_store> make_memory_job_store(reactor& loop, memory_job_store_options options = {});

}  // namespace whorl
