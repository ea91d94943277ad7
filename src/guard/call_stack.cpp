#include <fmt/format.h>
#include <unistd.h>
#include <whorl/deferred/mutex.h>
#include <whorl/guard/call_stack.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string_view>

#include "guard/debug_information.h"

namespace whorl {

namespace {

using detail::debug_information;

constinit mutex resolving;

// A thread's own: it has opened files, which another might know by other numbers (guard/own_thread.h).
constinit thread_local std::size_t keepers = 0;
thread_local std::unique_ptr<debug_information> kept;

}  // namespace

kept_debug_information::kept_debug_information() { ++keepers; }

kept_debug_information::~kept_debug_information() {
  if (--keepers == 0) {
    const mutex_lock lock(resolving);
    kept.reset();
  }
}

bool lies_between(const stack_frame& frame) {
  constexpr std::array<std::string_view, 6> inner{"std::", "whorl::detail::", "_ZNSt", "_ZSt", "_ZNKSt", "__gthread"};
  return std::ranges::any_of(inner, [&](std::string_view prefix) { return frame.function.starts_with(prefix); }) ||
         is_wrapper(frame);
}

bool is_wrapper(const stack_frame& frame) { return frame.file.find("src/calls/wrap_") != std::string::npos; }

std::string stack_frame::describe() const {
  std::string name = function.empty() ? fmt::format("{:#x}", address) : function;
  if (file.empty()) {
    return name;
  }
  return fmt::format("{} ({}:{})", name, std::string_view(file).substr(file.rfind('/') + 1), line);
}

std::vector<stack_frame> resolve(std::span<const std::uintptr_t> stack) {
  const mutex_lock lock(resolving);
  if (!kept) {
    kept = std::make_unique<debug_information>(::getpid());
  }
  std::vector<stack_frame> frames = kept->describe(stack);
  if (keepers == 0) {
    kept.reset();
  }
  return frames;
}

std::string describe(std::span<const stack_frame> stack) {
  std::string text;
  const bool all = std::ranges::all_of(stack, lies_between);
  for (const stack_frame& each : stack) {
    if (!all && lies_between(each)) {
      continue;
    }
    text += fmt::format("{}{}", text.empty() ? "" : " < ", each.describe());
  }
  return text;
}

}  // namespace whorl
