#include <fmt/format.h>
#include <whorl/facts/verdict.h>
#include <whorl/guard/blocking_call.h>
#include <whorl/guard/call_watch.h>
#include <whorl/guard/permit_blocking.h>
#include <whorl/guard/thread_look.h>

#include <cstdlib>
#include <ranges>
#include <utility>

#include "guard/process_stack.h"
#include "guard/report.h"
#include "guard/stack_copy.h"
#include "guard/state_watch.h"
#include "guard/teller.h"

namespace whorl {

namespace {

constinit thread_local call_watch* watching = nullptr;

constexpr unsigned most_lines_a_second = 10;

bool is_power_of_ten(std::uint64_t number) {
  while (number % 10 == 0) {
    number /= 10;
  }
  return number == 1;
}

struct told_finding {
  log_level level;
  std::string loop;
  std::string function;
  std::string on;
  std::vector<std::uintptr_t> stack;
  std::uint64_t times;
};

void tell(const told_finding& found) {
  const auto stack = resolve(found.stack);
  const facts::verdict known = facts::judge(found.function);
  detail::report(found.level, "a call that waits was made on the loop",
                 {{"loop", found.loop},
                  {"call", found.function},
                  {"on", found.on},
                  {"at", place_in_program(stack)},
                  {"instead", std::string(known.on_loop)},
                  {"times", std::to_string(found.times)},
                  {"stack", describe(stack)}});
}

std::string refusal(const waiting_call& call, const std::string& loop) {
  const facts::verdict known = facts::judge(call.function);
  return fmt::format("{}() would hold up the loop \"{}\"{}: {}", call.function, loop,
                     call.descriptor < 0 ? "" : fmt::format(" on {}", describe_descriptor(call.descriptor)),
                     known.on_loop.empty() ? "call it in a thread, with whorl::defer_to_thread"
                                           : fmt::format("use {} instead", known.on_loop));
}

}  // namespace

// What the wrappers call.
struct calls_of_loops {
  static void see(const waiting_call& call) {
    if (watching != nullptr) {
      watching->see(call);
    }
  }
};

namespace {
constexpr call_observer observer{.waits = calls_of_loops::see, .state_changes = detail::see_state_change};
}

call_watch::call_watch(const reactor& loop) : call_watch(loop, options()) {}

call_watch::call_watch(const reactor& loop, options chosen)
    : chosen_(std::move(chosen)), heart_(loop.heart()), thread_(this_thread_number()) {
  loop.require_this_thread("watch for calls that wait");
  outer_ = std::exchange(watching, this);
  watch_calls_of_this_thread(&heart_);
  observe_calls(&observer);
}

call_watch::~call_watch() {
  call_watch** link = &watching;
  while (*link != nullptr && *link != this) {
    link = &(*link)->outer_;
  }
  if (*link == this) {
    *link = outer_;
  }
  watch_calls_of_this_thread(watching == nullptr ? nullptr : &watching->heart_);
  detail::wait_until_told();
}

void call_watch::see(const waiting_call& call) {
  if (detail::blocking_is_permitted(thread_, heart_)) {
    return;
  }
  found_call& found = found_[detail::frames_of_caller(call.at)];
  if (found.times++ == 0) {
    found.function = call.function;
    found.stack = detail::unwind(detail::stack_of_caller(call.at));
  }
  if (chosen_.policy == on_waiting_call::throw_it && call.refusable) {
    throw call_refused(refusal(call, chosen_.name));
  }
  told_finding finding{
      .level = log_level::warning,
      .loop = chosen_.name,
      .function = call.function,
      .on = call.descriptor < 0 ? std::string(facts::name_of(call.waits_for)) : describe_descriptor(call.descriptor),
      .stack = found.stack,
      .times = found.times};
  if (chosen_.policy == on_waiting_call::abort) {
    finding.level = log_level::error;
    tell(finding);
    std::abort();
  }
  if (!is_power_of_ten(found.times)) {
    return;
  }
  if (const auto now = std::chrono::steady_clock::now(); now - second_ > std::chrono::seconds(1)) {
    second_ = now;
    lines_ = 0;
  }
  if (lines_++ < most_lines_a_second) {
    detail::tell_later([finding = std::move(finding)] { tell(finding); });
  }
}

std::vector<call_watch::found_call> call_watch::found() const {
  const auto all = found_ | std::views::values;
  return {all.begin(), all.end()};
}

}  // namespace whorl
