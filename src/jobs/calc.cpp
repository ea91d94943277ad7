#include <whorl/jobs/calc.h>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace whorl {

objection objection::from(const error& why, std::string where) {
  const std::string message = why.message();
  const std::size_t divide = message.rfind("; ");
  if (divide == std::string::npos) {
    return {.what = message, .where = std::move(where), .hint = ""};
  }
  return {.what = message.substr(0, divide), .where = std::move(where), .hint = message.substr(divide + 2)};
}

error objection::to_error() const {
  return {errc::bad_input, fmt::format("{}: {}{}{}", where, what, hint.empty() ? "" : "; ", hint)};
}

std::string_view name_of(parameter_kind kind) noexcept {
  constexpr std::array<std::string_view, 7> names = {
      "a number", "a whole number", "a text", "a list of texts", "a number or a list of numbers",
      "a table",  "an object"};
  return names.at(static_cast<std::size_t>(kind));
}

std::string calc::place_names() const {
  std::string names;
  for (const calc_place& visited : places) {
    names += names.empty() ? "" : ", then ";
    names += name_of(visited.place);
  }
  return names;
}

value calc::describe() const {
  value described_places{value::list()};
  for (const calc_place& visited : places) {
    described_places.append(value().set("place", name_of(visited.place)).set("reason", visited.reason));
  }
  value described_parameters{value::list()};
  for (const calc_parameter& parameter : parameters) {
    value described;
    described.set("name", parameter.name).set("kind", name_of(parameter.kind)).set("summary", parameter.summary);
    described.set("required", !parameter.otherwise.has_value());
    if (parameter.otherwise) {
      described.set("default", *parameter.otherwise);
    }
    described_parameters.append(std::move(described));
  }
  value described;
  described.set("name", name).set("summary", summary).set("place", place_names());
  described.set("places", std::move(described_places)).set("parameters", std::move(described_parameters));
  return described;
}

void calc_registry::add(calc offered) {
  const bool reasoned = !offered.places.empty() &&
                        std::ranges::none_of(offered.places, [](const calc_place& one) { return one.reason.empty(); });
  if (offered.run == nullptr || !reasoned) {
    throw misuse(fmt::format("calc \"{}\" does not say how it runs, or where, or why there; fill in run and places",
                             offered.name));
  }
  std::string name = offered.name;
  if (!calcs_.try_emplace(std::move(name), std::move(offered)).second) {
    throw misuse(fmt::format("a second calc \"{}\" is added to a registry; give it another name", name));
  }
}

const calc* calc_registry::find(std::string_view name) const noexcept {
  const auto found = calcs_.find(name);
  return found == calcs_.end() ? nullptr : &found->second;
}

std::expected<const calc*, objection> calc_registry::require(std::string_view name) const {
  if (const calc* found = find(name)) {
    return found;
  }
  std::string names;
  for (const auto& [known, offered] : calcs_) {
    names += (names.empty() ? "" : ", ") + known;
  }
  return std::unexpected(objection{
      .what = fmt::format("there is no calculation \"{}\"", name), .where = "calc", .hint = "choose one of " + names});
}

std::vector<const calc*> calc_registry::all() const {
  std::vector<const calc*> offered;
  for (const auto& [name, one] : calcs_) {
    offered.push_back(&one);
  }
  return offered;
}

value to_value(const std::vector<calc_part>& parts) {
  value told{value::list()};
  for (const calc_part& part : parts) {
    value one;
    one.set("part", part.part).set("place", name_of(part.place)).set("thread", part.thread);
    one.set("milliseconds", std::chrono::duration<double, std::milli>(part.took).count()).set("calls", part.calls);
    told.append(std::move(one));
  }
  return told;
}

}  // namespace whorl
