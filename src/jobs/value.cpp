#include <whorl/jobs/value.h>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

namespace whorl {

namespace {

constexpr std::array<std::string_view, 7> kind_names = {"null",   "true or false", "a whole number", "a number",
                                                        "a text", "a list",        "an object"};

[[noreturn]] void throw_wrong_kind(value::kind asked, value::kind found) {
  throw misuse(
      fmt::format("a value was asked for {}, but it is {}; ask for its type() first", name_of(asked), name_of(found)));
}

}  // namespace

std::string_view name_of(value::kind kind) noexcept { return kind_names.at(static_cast<std::size_t>(kind)); }

value::value() noexcept = default;
value::value(truth_value truth) noexcept : held_(static_cast<bool>(truth)) {}
value::value(whole_number whole) noexcept : held_(whole.number) {}
value::value(double number) : held_(number) {
  if (!std::isfinite(number)) {
    throw error(errc::bad_input, fmt::format("{} has no place in JSON, which knows finite numbers only; leave the "
                                             "value out, or say null",
                                             number));
  }
}
value::value(std::string text) noexcept : held_(std::move(text)) {}
value::value(std::string_view text) : held_(std::string(text)) {}
value::value(const char* text) : held_(std::string(text)) {}
value::value(list items) noexcept : held_(std::move(items)) {}
value::value(object members) noexcept : held_(std::move(members)) {}

value::value(const value& other) = default;
value::value(value&& other) noexcept = default;
value& value::operator=(const value& other) = default;
value& value::operator=(value&& other) noexcept = default;
value::~value() = default;

void value::refuse_size() {
  throw error(errc::too_large,
              "a whole number is larger than 9223372036854775807, the largest that is kept exactly; "
              "say it as a decimal number or as a text");
}

bool value::as_boolean() const {
  if (const bool* truth = std::get_if<bool>(&held_)) {
    return *truth;
  }
  throw_wrong_kind(kind::boolean, type());
}

std::int64_t value::as_integer() const {
  if (const auto* whole = std::get_if<std::int64_t>(&held_)) {
    return *whole;
  }
  throw_wrong_kind(kind::integer, type());
}

double value::as_number() const {
  if (const auto* whole = std::get_if<std::int64_t>(&held_)) {
    return static_cast<double>(*whole);
  }
  if (const double* number = std::get_if<double>(&held_)) {
    return *number;
  }
  throw_wrong_kind(kind::number, type());
}

const std::string& value::as_text() const {
  if (const auto* text = std::get_if<std::string>(&held_)) {
    return *text;
  }
  throw_wrong_kind(kind::text, type());
}

const value::list& value::as_list() const {
  if (const auto* items = std::get_if<list>(&held_)) {
    return *items;
  }
  throw_wrong_kind(kind::list, type());
}

const value::object& value::as_object() const {
  if (const auto* members = std::get_if<object>(&held_)) {
    return *members;
  }
  throw_wrong_kind(kind::object, type());
}

const value* value::find(std::string_view name) const noexcept {
  const auto* members = std::get_if<object>(&held_);
  if (members == nullptr) {
    return nullptr;
  }
  const auto found = std::ranges::find(*members, name, &member::name);
  return found == members->end() ? nullptr : &found->content;
}

value& value::set(std::string name, value content) {
  if (is(kind::null)) {
    held_.emplace<object>();
  }
  auto* members = std::get_if<object>(&held_);
  if (members == nullptr) {
    throw_wrong_kind(kind::object, type());
  }
  const auto found = std::ranges::find(*members, name, &member::name);
  if (found == members->end()) {
    members->push_back(member(std::move(name), std::move(content)));
  } else {
    found->content = std::move(content);
  }
  return *this;
}

value& value::append(value item) {
  if (is(kind::null)) {
    held_.emplace<list>();
  }
  auto* items = std::get_if<list>(&held_);
  if (items == nullptr) {
    throw_wrong_kind(kind::list, type());
  }
  items->push_back(std::move(item));
  return *this;
}

bool operator==(const value& one, const value& other) { return one.held_ == other.held_; }

}  // namespace whorl
