// The arguments of a calculation, held against what it declares.
#include <fmt/format.h>
#include <whorl/jobs/calc.h>

#include <algorithm>

namespace whorl {

namespace {

std::string place_of(std::string_view name) { return fmt::format("args.{}", name); }

std::optional<objection> check_table(const calc_parameter& declared, const value& given) {
  const std::string hint = "give {\"file\": its name} or {\"text\": comma-separated values}";
  if (!given.is(value::kind::object) || given.as_object().size() != 1) {
    return objection{.what = fmt::format("the table is {}, not an object with one member", name_of(given.type())),
                     .where = place_of(declared.name),
                     .hint = hint};
  }
  const value::member& only = given.as_object().front();
  if ((only.name != "file" && only.name != "text") || !only.content.is(value::kind::text)) {
    return objection{
        .what = fmt::format("a table cannot be given by {} in \"{}\"", name_of(only.content.type()), only.name),
        .where = place_of(declared.name),
        .hint = hint};
  }
  return std::nullopt;
}

bool has_kind(parameter_kind kind, const value& given) {
  switch (kind) {
    case parameter_kind::number: return given.is_number();
    case parameter_kind::integer: return given.is(value::kind::integer);
    case parameter_kind::text: return given.is(value::kind::text);
    case parameter_kind::texts:
      return given.is(value::kind::list) &&
             std::ranges::all_of(given.as_list(), [](const value& each) { return each.is(value::kind::text); });
    case parameter_kind::numbers:
      return given.is_number() ||
             (given.is(value::kind::list) && std::ranges::all_of(given.as_list(), &value::is_number));
    case parameter_kind::table:
    case parameter_kind::object: return given.is(value::kind::object);
  }
  return false;
}

std::optional<objection> check_bounds(const calc_parameter& declared, const value& given) {
  if (!given.is_number()) {
    return std::nullopt;
  }
  const double number = given.as_number();
  const auto refuse = [&](std::string_view relation, double bound, std::string_view cure) {
    return objection{.what = fmt::format("{} is {} {}", to_text(given), relation, bound),
                     .where = place_of(declared.name),
                     .hint = fmt::format("give {}", cure)};
  };
  if (declared.least && number < *declared.least) {
    return refuse("below", *declared.least, "more");
  }
  if (declared.most && number > *declared.most) {
    return refuse("above", *declared.most, "less");
  }
  return std::nullopt;
}

std::optional<objection> check_argument(const calc_parameter& declared, const value& given) {
  if (declared.kind == parameter_kind::table) {
    return check_table(declared, given);
  }
  if (!has_kind(declared.kind, given)) {
    return objection{.what = fmt::format("{} is wanted, but this is {}", name_of(declared.kind), name_of(given.type())),
                     .where = place_of(declared.name),
                     .hint = fmt::format("give {}: {}", name_of(declared.kind), declared.summary)};
  }
  return check_bounds(declared, given);
}

std::optional<objection> find_unknown(const calc& of, const value::object& given) {
  for (const value::member& argument : given) {
    if (std::ranges::find(of.parameters, argument.name, &calc_parameter::name) == of.parameters.end()) {
      std::string names;
      for (const calc_parameter& parameter : of.parameters) {
        names += (names.empty() ? "" : ", ") + parameter.name;
      }
      return objection{.what = fmt::format("{} takes no argument \"{}\"", of.name, argument.name),
                       .where = place_of(argument.name),
                       .hint = fmt::format("it takes {}", names)};
    }
  }
  return std::nullopt;
}

}  // namespace

std::expected<value, objection> calc::check(const value& arguments) const {
  if (!arguments.is(value::kind::object) && !arguments.is(value::kind::null)) {
    return std::unexpected(objection{.what = fmt::format("the arguments are {}", name_of(arguments.type())),
                                     .where = "args",
                                     .hint = "give an object with an argument for each name"});
  }
  value checked{value::object()};
  if (arguments.is(value::kind::object)) {
    if (std::optional<objection> unknown = find_unknown(*this, arguments.as_object())) {
      return std::unexpected(*std::move(unknown));
    }
  }
  for (const calc_parameter& parameter : parameters) {
    const value* given = arguments.find(parameter.name);
    if (given == nullptr && !parameter.otherwise) {
      return std::unexpected(objection{.what = fmt::format("{} needs the argument \"{}\"", name, parameter.name),
                                       .where = place_of(parameter.name),
                                       .hint = fmt::format("give {}: {}", name_of(parameter.kind), parameter.summary)});
    }
    if (given != nullptr) {
      if (std::optional<objection> wrong = check_argument(parameter, *given)) {
        return std::unexpected(*std::move(wrong));
      }
    }
    checked.set(parameter.name, given != nullptr ? *given : *parameter.otherwise);
  }
  if (check_further != nullptr) {
    if (std::optional<objection> wrong = check_further(checked)) {
      return std::unexpected(*std::move(wrong));
    }
  }
  return checked;
}

}  // namespace whorl
