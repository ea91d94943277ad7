#include <whorl/guard/strict_mode.h>

#include <fmt/format.h>
#include <whorl/deferred/platform.h>
#include <whorl/guard/blocking_call.h>

#include <utility>

#include "guard/process_stack.h"
#include "guard/system_call_trap.h"

namespace whorl {

std::string strict_finding::describe() const {
  return fmt::format("{}({}) may wait: {}; {} times\n  in {}\n  {}\n  instead: {}", call, arguments, why, times,
                     callback, whorl::describe(stack), instead.empty() ? "whorl::defer_to_thread" : instead);
}

namespace {

std::string describe_arguments(const strict_mode::trap::seen& seen) {
  const auto& arguments = seen.call.arguments;
  if (seen.known->has_descriptor()) {
    return fmt::format("{}, {}, {:#x}, {:#x}", static_cast<int>(arguments[0]), seen.on.data(), arguments[1],
                       arguments[2]);
  }
  return fmt::format("{:#x}, {:#x}, {:#x}", arguments[0], arguments[1], arguments[2]);
}

strict_finding finding_of(const strict_mode::trap::seen& seen) {
  strict_finding found{.call = std::string(seen.known->name),
                       .arguments = describe_arguments(seen),
                       .why = detail::describe(seen.why),
                       .callback = seen.callback.describe(),
                       .instead = {},
                       .stack = resolve(detail::unwind(seen.stack.snapshot())),
                       .times = seen.times};
  if (const auto made = find_blocking_call(found.stack, found.call)) {
    found.instead = made->instead;
  }
  return found;
}

std::unique_ptr<strict_mode::trap> make_trap(const reactor& loop, strict_mode::files treatment) {
  loop.require_this_thread("strict_mode");
  if (const auto reason = strict_mode::why_not()) {
    throw error(errc::unsupported, "strict mode: " + *reason);
  }
  return std::make_unique<strict_mode::trap>(loop.record().heart(), treatment);
}

}  // namespace

std::optional<std::string> strict_mode::why_not() { return trap::why_not(); }

strict_mode::strict_mode(reactor& loop, files treatment) : trap_(make_trap(loop, treatment)) {}

strict_mode::~strict_mode() = default;

std::uint64_t strict_mode::system_calls() const noexcept { return trap_->calls(); }
std::uint64_t strict_mode::lost() const noexcept { return trap_->lost(); }

std::vector<strict_finding> strict_mode::findings() const {
  std::vector<strict_finding> all;
  for (const trap::seen& each : trap_->findings()) {
    all.push_back(finding_of(each));
  }
  return all;
}

}  // namespace whorl
