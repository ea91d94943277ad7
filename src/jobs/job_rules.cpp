#include "jobs/job_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace whorl::job_rules {

namespace {

result<void> fits(std::string_view what, std::size_t bytes, std::size_t limit, std::string_view what_to_do) {
  if (bytes <= limit) {
    return {};
  }
  return std::unexpected(error(
      errc::too_large, fmt::format("{}: {} bytes are too many, the limit is {}; {}", what, bytes, limit, what_to_do)));
}

utc_time next_try(const retry_policy& retry, int failures, utc_time now) {
  std::chrono::milliseconds delay = std::min(retry.first_delay, retry.longest_delay);
  for (int failed = 1; failed < failures && delay < retry.longest_delay; ++failed) {
    delay = std::min(2 * delay, retry.longest_delay);
  }
  return now + delay;
}

void finish(job& running, job_state state, utc_time now) {
  running.state = state;
  running.finished = now;
}

void fail(job& running, attempt_end how, utc_time now) {
  running.error = std::move(how.text);
  running.hint = std::move(how.hint);
  if (++running.failures >= how.retry.failures) {
    finish(running, job_state::failed, now);
  } else {
    running.state = job_state::queued;
    running.not_before = next_try(how.retry, running.failures, now);
  }
}

void crash(job& running, attempt_end how, utc_time now, const job_limits& limits) {
  running.error = std::move(how.text);
  running.hint = std::move(how.hint);
  if (++running.crashes < limits.crashes) {
    running.state = job_state::queued;
    return;
  }
  running.error = fmt::format("given up after {} crashes; the last one: {}", running.crashes, running.error);
  if (running.hint.empty()) {
    running.hint = "find out what makes this calculation kill its worker before submitting it again";
  }
  finish(running, job_state::failed, now);
}

}  // namespace

result<void> admissible(const job_request& request, const job_limits& limits) {
  if (request.calc.empty()) {
    return std::unexpected(error(errc::bad_input, "the job names no calc; name one of those that the server offers"));
  }
  if (auto fit = fits("the calc's name", request.calc.size(), limits.name_bytes, "use its right name"); !fit) {
    return fit;
  }
  if (auto fit = fits("the idempotency key", request.idempotency_key.size(), limits.name_bytes, "use a shorter one");
      !fit) {
    return fit;
  }
  return fits("the arguments", request.arguments.size(), limits.argument_bytes,
              "put large inputs into a file and pass its name");
}

job accept(job_request request, utc_time now) {
  job accepted;
  accepted.calc = std::move(request.calc);
  accepted.arguments = std::move(request.arguments);
  accepted.idempotency_key = std::move(request.idempotency_key);
  accepted.priority = request.priority;
  accepted.created = now;
  if (request.delay.count() > 0) {
    accepted.not_before = now + request.delay;
  }
  return accepted;
}

result<enqueued_job> repeat(const job& known, const job_request& request) {
  if (known.calc == request.calc && known.arguments == request.arguments && known.priority == request.priority) {
    return enqueued_job{.id = known.id, .as = enqueued_job::how::repeated};
  }
  return std::unexpected(
      error(errc::conflict, fmt::format("the idempotency key \"{}\" belongs to job {}, which is a different request; "
                                        "use a new key for a new request",
                                        request.idempotency_key, to_string(known.id))));
}

void start(job& eligible, const lease_jobs& lease, utc_time now) {
  eligible.state = job_state::running;
  ++eligible.attempt;
  eligible.started = now;
  eligible.lease = job_lease{.worker = lease.worker, .until = now + lease.lasting};
  eligible.progress = 0;
  eligible.note.clear();
}

standing standing_of(const job& known, attempt_id attempt) noexcept {
  if (known.state != job_state::running || known.attempt != attempt.number) {
    return standing::stale;
  }
  return known.cancel_requested ? standing::cancel_requested : standing::current;
}

void note(job& running, const progress_report& report, const job_limits& limits) {
  running.progress = report.progress > 0 ? std::min(report.progress, 1.0) : 0;  // NaN becomes 0
  running.note = cut(report.note, limits.note_bytes);
}

result<void> admissible(const attempt_end& end, const job_limits& limits) {
  if (end.as != attempt_end::how::done) {
    return {};
  }
  if (auto fit = fits("the name of the result file", end.result_file.size(), limits.name_bytes, "use a shorter one");
      !fit) {
    return fit;
  }
  return fits("the result", end.text.size(), limits.result_bytes, "write large results into a file");
}

void end(job& running, attempt_end how, utc_time now, const job_limits& limits) {
  const bool stop = std::exchange(running.cancel_requested, false);
  running.lease.reset();
  if (how.as == attempt_end::how::done) {
    running.result = std::move(how.text);
    running.result_file = std::move(how.result_file);
    running.progress = 1;
    running.error.clear();
    running.hint.clear();
    finish(running, job_state::done, now);
    return;
  }
  how.text = cut(std::move(how.text), limits.error_bytes);
  how.hint = cut(std::move(how.hint), limits.error_bytes);
  switch (how.as) {
    case attempt_end::how::done: break;
    case attempt_end::how::failed: fail(running, std::move(how), now); break;
    case attempt_end::how::crashed: crash(running, std::move(how), now, limits); break;
    case attempt_end::how::stopped: finish(running, job_state::cancelled, now); break;
    case attempt_end::how::released: running.state = job_state::queued; break;
  }
  if (stop) {
    running.not_before.reset();
    finish(running, job_state::cancelled, now);
  }
}

result<cancel_answer> cancel(job& known, utc_time now) {
  if (known.state == job_state::queued) {
    known.not_before.reset();
    finish(known, job_state::cancelled, now);
    return cancel_answer::cancelled;
  }
  if (known.state == job_state::running) {
    known.cancel_requested = true;
    return cancel_answer::requested;
  }
  return std::unexpected(error(errc::conflict, fmt::format("job {} has ended ({}) and cannot be cancelled any more",
                                                           to_string(known.id), to_string(known.state))));
}

error no_such_job(job_id id) {
  return {errc::not_found,
          fmt::format("job {} is not in the store: it was never accepted, or it ended long ago and was deleted",
                      to_string(id))};
}

std::string cut(std::string text, std::size_t most_bytes) {
  if (text.size() > most_bytes) {
    const auto continues = [](char byte) { return (static_cast<unsigned char>(byte) & 0xc0U) == 0x80U; };
    std::size_t end = most_bytes;
    while (end > 0 && continues(text[end])) {
      --end;
    }
    text.resize(end);
  }
  return text;
}

}  // namespace whorl::job_rules
