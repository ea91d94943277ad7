#include <whorl/process/process_function.h>

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace whorl::detail {

namespace {

// Filled before main begins, and only read from then on.
std::map<std::string, known_function, std::less<>>& known_functions() {
  static std::map<std::string, known_function, std::less<>> all;
  return all;
}

}  // namespace

void make_known(known_function function) {
  std::string name = function.name;
  if (!known_functions().try_emplace(name, std::move(function)).second) {
    throw misuse(fmt::format("a second process_function \"{}\" is made; give it another name", name));
  }
}

const known_function* find_known(std::string_view name) noexcept {
  const auto found = known_functions().find(name);
  return found == known_functions().end() ? nullptr : &found->second;
}

const known_function& require_known(any_function function) {
  const auto found =
      std::ranges::find_if(known_functions(), [&](const auto& known) { return known.second.function == function; });
  if (found == known_functions().end()) {
    throw misuse(
        "defer_to(processes, f): worker processes do not know the function; write beside it, at namespace scope: "
        "const whorl::process_function known(\"its name\", f);");
  }
  return found->second;
}

}  // namespace whorl::detail
