#include <fmt/format.h>
#include <whorl/facts/verdict.h>
#include <whorl/guard/blocking_call.h>

#include <algorithm>
#include <array>
#include <ranges>
#include <string_view>

namespace whorl {

namespace {

// __read@@GLIBC_2.2.5 and __GI___read are read.
std::string_view public_name(std::string_view symbol) {
  symbol = symbol.substr(0, symbol.find('@'));
  for (const std::string_view prefix : {"__GI_", "__libc_", "___", "__"}) {
    if (symbol.starts_with(prefix)) {
      symbol.remove_prefix(prefix.size());
    }
  }
  return symbol;
}

bool waits(facts::blocking_class how) {
  using enum facts::blocking_class;
  constexpr std::array waiting{file, descriptor, timed, wait, resolver, process, tty, loop};
  return std::ranges::find(waiting, how) != waiting.end();
}

}  // namespace

std::string place_in_program(std::span<const stack_frame> stack) {
  // A line of the standard library is of a function that was inlined.
  const auto own = std::ranges::find_if(stack, [](const stack_frame& frame) {
    return !frame.file.empty() && !lies_between(frame) && frame.file.find("/c++/") == std::string::npos;
  });
  if (own == stack.end()) {
    return {};
  }
  return fmt::format("{}:{}", std::string_view(own->file).substr(own->file.rfind('/') + 1), own->line);
}

std::optional<blocking_call> find_blocking_call(std::span<const stack_frame> stack) {
  for (std::size_t outside = stack.size(); outside-- > 0;) {
    const stack_frame& frame = stack[outside];
    const std::string_view name = public_name(frame.function);
    if (name.empty() || name.find_first_of(":<( ") != std::string_view::npos) {
      continue;
    }
    const facts::verdict known = facts::judge(name);
    if (known.found && waits(known.blocking.blocking)) {
      return blocking_call{.function = std::string(name),
                           .waits_for = std::string(facts::name_of(known.blocking.blocking)),
                           .instead = std::string(known.on_loop),
                           .at = place_in_program(stack.subspan(outside + 1))};
    }
  }
  return std::nullopt;
}

}  // namespace whorl
