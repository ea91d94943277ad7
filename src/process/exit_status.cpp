#include <whorl/process/exit_status.h>

#include <fmt/format.h>

#include <cstring>

namespace whorl::process {

namespace {

class failed_category final : public std::error_category {
 public:
  const char* name() const noexcept override { return "whorl process"; }

  std::string message(int code) const override {
    switch (static_cast<failed>(code)) {
      case failed::with_exit_code: return "exited with failure";
      case failed::by_signal: return "killed by a signal";
      case failed::with_unknown_status: return "ended with an unknown status";
      case failed::with_error_output: return "wrote to its standard error";
    }
    return "unknown error";
  }
};

}  // namespace

std::error_code make_error_code(failed how) noexcept {
  static const failed_category category;
  return {static_cast<int>(how), category};
}

exit_status exit_status::exited(int code, const resource_use& used) noexcept { return {kind::exited, code, used}; }

exit_status exit_status::killed(int signal, const resource_use& used) noexcept { return {kind::killed, signal, used}; }

exit_status exit_status::dumped_core(int signal, const resource_use& used) noexcept {
  return {kind::dumped_core, signal, used};
}

exit_status exit_status::unknown() noexcept { return {kind::unknown, 0, {}}; }

std::optional<int> exit_status::exit_code() const noexcept {
  return kind_ == kind::exited ? std::optional(number_) : std::nullopt;
}

std::optional<int> exit_status::signal() const noexcept {
  return kind_ == kind::killed || kind_ == kind::dumped_core ? std::optional(number_) : std::nullopt;
}

std::string exit_status::to_string() const {
  switch (kind_) {
    case kind::exited: return fmt::format("exited with {}", number_);
    case kind::killed: return fmt::format("killed by signal {} ({})", number_, ::sigdescr_np(number_));
    case kind::dumped_core:
      return fmt::format("killed by signal {} ({}), with a core dump", number_, ::sigdescr_np(number_));
    case kind::unknown: break;
  }
  return "ended, but somebody else in this program waited for it, so nobody knows how";
}

}  // namespace whorl::process
