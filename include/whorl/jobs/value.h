// A value is what JSON can say: null, a truth value, a number, a text, a list or an object. The arguments and results
// of calculations are values. Whole numbers and decimal ones are kept apart; an object keeps the order of its members.
//
// Thread:   a value like any other: owned by one thread at a time, moved or copied between threads.
// Lifetime: owns everything it says.
// Fails:    asking for another kind than the value has throws misuse: ask kind() first where the data is not yours.
#pragma once

#include <whorl/deferred/error.h>

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace whorl {

class value {
 public:
  enum class kind { null, boolean, integer, number, text, list, object };
  struct member;
  using list = std::vector<value>;
  using object = std::vector<member>;  // names are unique: use set() to add

  value() noexcept;
  // NOLINTBEGIN(google-explicit-constructor): a value is written as what it says: arguments.set("level", 0.95).
  value(std::same_as<bool> auto truth) noexcept : value(truth_value(truth)) {}
  template <std::integral Integer>
    requires(!std::same_as<Integer, bool>)
  value(Integer whole) : value(whole_number(whole, std::in_range<std::int64_t>(whole))) {}
  value(double number);  // throws error: bad_input for what is infinite or no number; JSON cannot say it
  value(std::string text) noexcept;
  value(std::string_view text);
  value(const char* text);
  value(list items) noexcept;
  value(object members) noexcept;
  // NOLINTEND(google-explicit-constructor)

  value(const value& other);
  value(value&& other) noexcept;
  value& operator=(const value& other);
  value& operator=(value&& other) noexcept;
  ~value();

  kind type() const noexcept { return static_cast<kind>(held_.index()); }
  bool is(kind asked) const noexcept { return type() == asked; }
  bool is_number() const noexcept { return is(kind::integer) || is(kind::number); }

  bool as_boolean() const;
  std::int64_t as_integer() const;
  double as_number() const;  // of either kind of number
  const std::string& as_text() const;
  const list& as_list() const;
  const object& as_object() const;

  // The member of this name; null if there is none, or this is no object.
  const value* find(std::string_view name) const noexcept;

  // Sets a member, in the place of one of the same name or behind the others. Null becomes an object.
  value& set(std::string name, value content);

  // Adds to a list. Null becomes a list.
  value& append(value item);

  friend bool operator==(const value& one, const value& other);

 private:
  enum class truth_value : bool {};
  struct whole_number {
    template <std::integral Integer>
    whole_number(Integer whole, bool fits) : number(static_cast<std::int64_t>(whole)) {
      if (!fits) {
        refuse_size();
      }
    }
    std::int64_t number;
  };
  [[noreturn]] static void refuse_size();  // throws error: too_large above the largest int64
  explicit value(truth_value truth) noexcept;
  explicit value(whole_number whole) noexcept;

  std::variant<std::monostate, bool, std::int64_t, double, std::string, list, object> held_;
};

struct value::member {
  std::string name;
  value content;
  friend bool operator==(const member&, const member&) = default;
};

// What a kind is called in messages: "a list", "a whole number".
std::string_view name_of(value::kind kind) noexcept;

// Reads one JSON text, strictly: RFC 8259 and nothing else, no name twice in one object, whole numbers within int64,
// at most `deepest_value` levels. The text is UTF-8.
// Fails: errc::bad_input or too_large; the message says at which line and column, what was found, and what to do.
inline constexpr std::size_t deepest_value = 64;
result<value> parse_value(std::string_view json);

// Writes JSON on one line. Reading it again gives an equal value: a decimal number keeps every bit and stays decimal.
// Bytes of a text that are no UTF-8 become U+FFFD.
std::string to_text(const value& written);

}  // namespace whorl
