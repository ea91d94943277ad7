// A value is what a database's parameter or column holds: null, a whole number, a real one, text or bytes.
//
// Thread:   a value like any other: owned by one thread at a time, moved or copied between threads.
// Lifetime: owns what it says; nothing points into a driver's memory.
// Fails:    asking for another kind than it holds throws an error of errc::bad_input that says what it holds.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace whorl::db {

using blob = std::vector<std::byte>;

class value {
 public:
  value() noexcept = default;  // null
  // NOLINTBEGIN(google-explicit-constructor): parameters are written as what they say.
  value(std::nullopt_t) noexcept {}
  value(std::same_as<bool> auto truth) noexcept : held_(std::int64_t{truth}) {}
  template <std::integral Integer>
    requires(!std::same_as<Integer, bool>)
  value(Integer number) : held_(whole(number)) {}
  value(double number) noexcept : held_(number) {}
  value(std::string text) noexcept : held_(std::move(text)) {}
  value(std::string_view text) : held_(std::string(text)) {}
  value(const char* text) : held_(std::string(text)) {}
  value(blob bytes) noexcept : held_(std::move(bytes)) {}
  template <class Value>
  value(std::optional<Value> given) : value(given ? value(*std::move(given)) : value()) {}
  // NOLINTEND(google-explicit-constructor)

  bool is_null() const noexcept { return std::holds_alternative<std::monostate>(held_); }

  std::int64_t integer() const { return get<std::int64_t>("a whole number"); }
  double real() const;  // of a whole number too
  const std::string& text() const { return get<std::string>("text"); }
  const blob& bytes() const { return get<blob>("bytes"); }

  // For drivers: the one that it holds.
  template <class Kind>
  const Kind* find() const noexcept {
    return std::get_if<Kind>(&held_);
  }

  friend bool operator==(const value& one, const value& other) = default;

 private:
  template <std::integral Integer>
  static std::int64_t whole(Integer number) {
    if (!std::in_range<std::int64_t>(number)) {
      throw_too_large();
    }
    return static_cast<std::int64_t>(number);
  }
  [[noreturn]] static void throw_too_large();
  [[noreturn]] void throw_other_kind(std::string_view asked) const;

  template <class Kind>
  const Kind& get(std::string_view asked) const {
    const Kind* found = find<Kind>();
    if (found == nullptr) {
      throw_other_kind(asked);
    }
    return *found;
  }

  std::variant<std::monostate, std::int64_t, double, std::string, blob> held_;
};

}  // namespace whorl::db
