// The rules of a job's life: what each operation makes of one job. Pure functions on values; no engine, no time of
// their own.
//
// Thread: any.
#pragma once

#include <whorl/jobs/job_operation.h>

#include <cstddef>
#include <string>

namespace whorl::job_rules {

// Whether a request may become a job at all, by itself.
result<void> admissible(const job_request& request, const job_limits& limits);

// The job that a request becomes; its id is the engine's to give.
job accept(job_request request, utc_time now);

// Whether a request with a known key is the one that the key belongs to.
result<enqueued_job> repeat(const job& known, const job_request& request);

void start(job& eligible, const lease_jobs& lease, utc_time now);

standing standing_of(const job& known, attempt_id attempt) noexcept;

void note(job& running, const progress_report& report, const job_limits& limits);

result<void> admissible(const attempt_end& end, const job_limits& limits);
void end(job& running, attempt_end how, utc_time now, const job_limits& limits);

result<cancel_answer> cancel(job& known, utc_time now);

error no_such_job(job_id id);

// The text, or as much of its beginning as fits; never cut inside of a UTF-8 character.
std::string cut(std::string text, std::size_t most_bytes);

}  // namespace whorl::job_rules
