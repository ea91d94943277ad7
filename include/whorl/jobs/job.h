// A job is one request to run a calc, from the moment it was accepted until retention deletes it.
//
//              lease                     end: done
//     queued ----------> running --------------------------> done
//       |  ^                |  end: failed, no retries left
//       |  |                |------------------------------> failed
//       |  |                |  crashed or lease lost too often
//       |  +----------------+
//       |    released, failed with retries left, crashed, lease lost
//       |                   |
//       +--- cancel         +--- end: stopped, or any other end but done after a cancel
//       v                   v
//     cancelled          cancelled
//
// Every lease is a new attempt with a higher number. The pair (job, attempt) fences: who reports under an attempt that
// is no longer the running one is told so, and changes nothing.
//
// Thread: values.
#pragma once

#include <whorl/deferred/error.h>

#include <array>
#include <chrono>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace whorl {

// Counts up from 1 in one store and is never used again, so that it is stable in URLs and sorts by age.
enum class job_id : std::int64_t {};

std::string to_string(job_id id);

// Fails: errc::bad_input for anything but a decimal number from 1.
result<job_id> parse_job_id(std::string_view text);

enum class job_state : std::uint8_t { queued, running, done, failed, cancelled };

inline constexpr std::array job_states = {job_state::queued, job_state::running, job_state::done, job_state::failed,
                                          job_state::cancelled};

std::string_view to_string(job_state state) noexcept;

// Fails: errc::bad_input; the message lists the states.
result<job_state> parse_job_state(std::string_view text);

// Done, failed or cancelled: nothing changes it any more.
constexpr bool has_ended(job_state state) noexcept { return state != job_state::queued && state != job_state::running; }

// UTC, in milliseconds since 1970.
using utc_time = std::chrono::sys_time<std::chrono::milliseconds>;

// One lease of a job: the fence.
struct attempt_id {
  job_id job{};
  int number = 0;

  auto operator<=>(const attempt_id&) const = default;
};

// Who runs a job, and until when the store believes that without a renewal.
struct job_lease {
  std::string worker;
  utc_time until;

  bool operator==(const job_lease&) const = default;
};

// What somebody wants to be run.
struct job_request {
  std::string calc;
  std::string arguments;              // JSON text, which the store does not look into
  std::string idempotency_key{};      // empty: none
  int priority = 0;                   // the highest first; among equals the oldest
  std::chrono::milliseconds delay{};  // not to be run before this has passed

  bool operator==(const job_request&) const = default;
};

struct job {
  job_id id{};
  std::string calc;
  std::string arguments;
  std::string idempotency_key;
  int priority = 0;
  job_state state = job_state::queued;
  bool cancel_requested = false;  // running, and somebody wants it stopped

  int attempt = 0;   // leases so far
  int failures = 0;  // attempts whose calc failed
  int crashes = 0;   // attempts whose worker died or fell silent

  utc_time created;
  std::optional<utc_time> not_before;  // queued, and not eligible until then
  std::optional<utc_time> started;     // of the latest attempt
  std::optional<utc_time> finished;
  std::optional<job_lease> lease;  // while running

  double progress = 0;      // 0 to 1, of the latest attempt
  std::string note;         // what the calc says it is doing
  std::string result;       // JSON text, when done
  std::string result_file;  // name of the file with the rest of the result, when there is one
  std::string error;        // what went wrong in the latest attempt that did; empty when done
  std::string hint;         // and what to do about it

  attempt_id current() const noexcept { return {.job = id, .number = attempt}; }
  bool operator==(const job&) const = default;
};

}  // namespace whorl
