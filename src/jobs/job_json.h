// Jobs as JSON, in the words of the HTTP interface.
#pragma once

#include <whorl/jobs/calc.h>
#include <whorl/jobs/job.h>
#include <whorl/jobs/job_operation.h>
#include <whorl/jobs/value.h>
#include <whorl/web/request.h>
#include <whorl/web/response.h>

#include <string>

namespace whorl {

// What a list of jobs says of each.
value summary_of(const job& told);

// One job in full: with its arguments, and its result when there is one.
value details_of(const job& told, const calc* what);

value event_of(const job_change& change, std::string_view calc);

// {"calc": ..., "args": {...}} and the optional "priority" and "delay_ms", checked against what is offered. An objection
// says what is wrong, where, and what to do.
std::expected<job_request, objection> job_request_of(const web::request& asked, const calc_registry& offered);

// ?state= &calc= &before= &limit=
std::expected<list_jobs, objection> list_filter_of(const web::request& asked);

// An error of the store as an answer: 404, 409, 413, 429 or 500.
web::response refusal(const error& why, std::string_view where);
web::response refusal(const objection& why, int status = 400);

}  // namespace whorl
