// A captured_log keeps what is logged while it lives, and keeps it off standard error.
//
// Thread:   lines may come from any.
// Lifetime: one inside another takes all lines until it dies.
#pragma once

#include <whorl/deferred/log.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace whorl::testing {

class captured_log {
 public:
  captured_log();
  captured_log(const captured_log&) = delete;
  captured_log& operator=(const captured_log&) = delete;
  ~captured_log();

  std::vector<std::string> lines() const;
  bool contains(std::string_view text) const;

  // The lines that tell of a failure which nobody handled: of a deferred that was dropped, of a call on the loop, of
  // work in the background.
  std::vector<std::string> unhandled_failures() const;

 private:
  struct kept;
  std::shared_ptr<kept> kept_;
  log_sink before_;
};

}  // namespace whorl::testing
