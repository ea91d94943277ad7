#include <whorl/deferred/callback.h>
#include <whorl/deferred/log.h>

#include <fmt/format.h>

namespace whorl::detail {

void log_second_call(const std::source_location& created) noexcept {
  try {
    log(log_level::warning, "a callback was called a second time, which does nothing: its deferred fires once",
        {{"created", fmt::format("{}:{}", created.file_name(), created.line())}});
  } catch (...) {
    log(log_level::warning, "a callback was called a second time, which does nothing: its deferred fires once");
  }
}

}  // namespace whorl::detail
