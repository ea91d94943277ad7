#include <whorl/deferred/mutex.h>
#include <whorl/testing/captured_log.h>

#include <algorithm>
#include <utility>

namespace whorl::testing {

namespace {

// What the loop, deferreds and task sets log when a failure has nobody to go to.
bool tells_of_failure(log_level level, std::string_view line) {
  return level == log_level::error && line.find(" failure=") != std::string_view::npos;
}

}  // namespace

// Shared with the sink, which another thread may be calling while it is taken away.
struct captured_log::kept {
  mutable mutex access;
  std::vector<std::string> lines WHORL_GUARDED_BY(access);
  std::vector<std::string> failures WHORL_GUARDED_BY(access);
};

captured_log::captured_log() : kept_(std::make_shared<kept>()) {
  before_ = set_log_sink([to = kept_](log_level level, std::string_view line) {
    const mutex_lock lock(to->access);
    to->lines.emplace_back(line);
    if (tells_of_failure(level, line)) {
      to->failures.emplace_back(line);
    }
  });
}

captured_log::~captured_log() { set_log_sink(std::move(before_)); }

std::vector<std::string> captured_log::lines() const {
  const mutex_lock lock(kept_->access);
  return kept_->lines;
}

std::vector<std::string> captured_log::unhandled_failures() const {
  const mutex_lock lock(kept_->access);
  return kept_->failures;
}

bool captured_log::contains(std::string_view text) const {
  const mutex_lock lock(kept_->access);
  return std::ranges::any_of(kept_->lines,
                             [&](const std::string& line) { return line.find(text) != std::string::npos; });
}

}  // namespace whorl::testing
