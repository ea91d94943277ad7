#include <whorl/jobs/job.h>

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace whorl {

std::string to_string(job_id id) { return std::to_string(static_cast<std::int64_t>(id)); }

result<job_id> parse_job_id(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failed != std::errc() || end != text.data() + text.size() || number < 1) {
    return std::unexpected(error(
        errc::bad_input, fmt::format("job id \"{}\" is no id: give the number that the job was accepted with", text)));
  }
  return job_id{number};
}

std::string_view to_string(job_state state) noexcept {
  switch (state) {
    case job_state::queued: return "queued";
    case job_state::running: return "running";
    case job_state::done: return "done";
    case job_state::failed: return "failed";
    case job_state::cancelled: return "cancelled";
  }
  return "unknown";
}

result<job_state> parse_job_state(std::string_view text) {
  const auto* found = std::ranges::find_if(job_states, [&](job_state state) { return to_string(state) == text; });
  if (found == job_states.end()) {
    return std::unexpected(
        error(errc::bad_input,
              fmt::format("job state \"{}\" does not exist: use queued, running, done, failed or cancelled", text)));
  }
  return *found;
}

}  // namespace whorl
