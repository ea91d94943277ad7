#include <whorl/jobs/job_operation.h>

#include <utility>

namespace whorl {

attempt_end attempt_end::done(attempt_id attempt, std::string result, std::string result_file) {
  return {.attempt = attempt, .as = how::done, .text = std::move(result), .result_file = std::move(result_file)};
}

attempt_end attempt_end::failed(attempt_id attempt, std::string error, std::string hint, retry_policy retry) {
  return {.attempt = attempt, .as = how::failed, .text = std::move(error), .hint = std::move(hint), .retry = retry};
}

attempt_end attempt_end::crashed(attempt_id attempt, std::string error, std::string hint) {
  return {.attempt = attempt, .as = how::crashed, .text = std::move(error), .hint = std::move(hint)};
}

attempt_end attempt_end::stopped(attempt_id attempt) { return {.attempt = attempt, .as = how::stopped}; }

attempt_end attempt_end::released(attempt_id attempt) { return {.attempt = attempt, .as = how::released}; }

}  // namespace whorl
