// WHORL_GUARD in the environment: every loop gets its guards when it is made.
#include <fmt/format.h>
#include <whorl/deferred/log.h>
#include <whorl/guard/call_watch.h>
#include <whorl/guard/stall_watch.h>
#include <whorl/reactor/owned_by_loop.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

namespace whorl {

namespace {

constinit std::atomic<bool> wrapped{false};

constexpr std::array<std::pair<std::string_view, on_waiting_call>, 3> policies{{
    {"report", on_waiting_call::report},
    {"throw", on_waiting_call::throw_it},
    {"abort", on_waiting_call::abort},
}};

std::optional<on_waiting_call> wanted_policy() {
  const char* wanted = std::getenv("WHORL_GUARD");  // NOLINT(concurrency-mt-unsafe): before main
  if (wanted == nullptr) {
    return std::nullopt;
  }
  for (const auto& [name, policy] : policies) {
    if (name == wanted) {
      return policy;
    }
  }
  log(log_level::warning, "WHORL_GUARD has a value that is not known; say report, throw or abort", {{"value", wanted}});
  return std::nullopt;
}

class guards : public owned_by_loop {
 public:
  guards(const reactor& loop, on_waiting_call policy) : calls_(loop, {.policy = policy}), stalls_(loop) {}
  void loop_stopping() noexcept override {}

 private:
  call_watch calls_;  // dies last: it waits until all has been told
  stall_watch stalls_;
};

void add_guards(reactor& loop) {
  static const on_waiting_call policy = *wanted_policy();
  loop.adopt(std::make_unique<guards>(loop, policy));
}

}  // namespace

void detail::wrappers_are_linked() {
  wrapped.store(true);
  if (wanted_policy()) {
    when_a_loop_is_made.store(add_guards);
  }
}

bool call_watch::possible() noexcept { return wrapped.load(); }

}  // namespace whorl
