// Collects log lines, for tests, as long as it lives.
#pragma once

#include <whorl/deferred/log.h>

#include <string>
#include <string_view>
#include <utility>

namespace whorl {

class captured_log {
 public:
  captured_log() : before_(set_log_sink([this](log_level, std::string_view line) { text += line; })) {}
  captured_log(const captured_log&) = delete;
  captured_log& operator=(const captured_log&) = delete;
  ~captured_log() { set_log_sink(std::move(before_)); }

  std::string text;

 private:
  log_sink before_;
};

}  // namespace whorl
