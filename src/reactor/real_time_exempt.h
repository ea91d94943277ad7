// For calls of whorl's own in callbacks that may wait elsewhere but not here, such as those on a non-blocking socket, or that
// have to: the real-time sanitizer, which sees no more than the function, is told so for a scope. Nothing in other builds.
#pragma once

#include <whorl/reactor/real_time.h>

namespace whorl::detail {

class [[nodiscard]] real_time_exempt {
 public:
  explicit real_time_exempt(const char* /*reason*/) noexcept { pause_real_time(); }
  real_time_exempt(const real_time_exempt&) = delete;
  real_time_exempt& operator=(const real_time_exempt&) = delete;
  ~real_time_exempt() { resume_real_time(); }
};

}  // namespace whorl::detail
