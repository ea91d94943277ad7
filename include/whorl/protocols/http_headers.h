// The header fields of one HTTP message, in their order, found by name in any case of letters.
//
// Thread: a value.
// Cost:   one string and one vector, whatever the number of fields.
// Source: RFC 9110, 5 (fields), 5.6.2 (tokens).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace whorl::http {

// Whether two names are the same but for the case of their letters (ASCII).
bool same_name(std::string_view a, std::string_view b) noexcept;

// A token: letters, digits and !#$%&'*+-.^_`|~, at least one.
bool valid_token(std::string_view text) noexcept;

// What may stand in a field's value: no line ends, no control characters but the tab, no blank at either end.
bool valid_value(std::string_view text) noexcept;

// Calls visit(std::string_view) for every member of a comma-separated list, blanks around it removed; empty members are
// skipped.
template <class Visit>
void for_each_member(std::string_view list, Visit visit) {
  constexpr std::string_view blanks = " \t";
  while (!list.empty()) {
    const std::size_t comma = std::min(list.find(','), list.size());
    std::string_view member = list.substr(0, comma);
    list.remove_prefix(std::min(comma + 1, list.size()));
    member.remove_prefix(std::min(member.find_first_not_of(blanks), member.size()));
    member = member.substr(0, member.find_last_not_of(blanks) + 1);
    if (!member.empty()) {
      visit(member);
    }
  }
}

class headers {
 public:
  struct field {
    std::string_view name;
    std::string_view value;
  };

  // Appends a field. Throws misuse if the name is no token or the value could not stand on one line: whoever puts
  // foreign text into a header must have looked at it.
  void add(std::string_view name, std::string_view value);

  // The same for text from outside: false, and nothing is added, where add() throws.
  [[nodiscard]] bool try_add(std::string_view name, std::string_view value);

  // As add(), in place of every field of that name.
  void set(std::string_view name, std::string_view value);

  // The first field of that name. The view is good until the headers change.
  std::optional<std::string_view> find(std::string_view name) const noexcept;
  bool contains(std::string_view name) const noexcept { return find(name).has_value(); }
  std::size_t count(std::string_view name) const noexcept;

  // Whether a comma-separated list, in one field or several of that name, has this member ("Connection", "close").
  bool has_member(std::string_view name, std::string_view member) const noexcept;

  std::size_t size() const noexcept { return places_.size(); }
  bool empty() const noexcept { return places_.empty(); }
  field operator[](std::size_t index) const noexcept;

 private:
  struct place {
    std::uint32_t begin;
    std::uint32_t name_bytes;
    std::uint32_t value_bytes;
  };

  std::string text_;
  std::vector<place> places_;
};

}  // namespace whorl::http
