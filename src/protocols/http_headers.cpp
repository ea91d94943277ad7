#include <whorl/protocols/http_headers.h>

#include <whorl/deferred/error.h>

#include <algorithm>
#include <array>

namespace whorl::http {

namespace {

constexpr bool is_letter_or_digit(unsigned char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

constexpr std::array<bool, 256> token_characters = [] {
  std::array<bool, 256> table{};
  for (unsigned c = 0; c < 256; ++c) {
    table[c] = is_letter_or_digit(static_cast<unsigned char>(c));
  }
  for (const unsigned char c : std::string_view("!#$%&'*+-.^_`|~")) {
    table[c] = true;
  }
  return table;
}();

constexpr unsigned char lower(unsigned char c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; }

constexpr bool is_blank(char c) { return c == ' ' || c == '\t'; }

constexpr bool may_stand_in_value(unsigned char c) { return c == '\t' || (c >= ' ' && c != 0x7f); }

}  // namespace

bool same_name(std::string_view a, std::string_view b) noexcept {
  return std::ranges::equal(a, b, [](unsigned char x, unsigned char y) { return lower(x) == lower(y); });
}

bool valid_token(std::string_view text) noexcept {
  return !text.empty() && std::ranges::all_of(text, [](unsigned char c) { return token_characters[c]; });
}

bool valid_value(std::string_view text) noexcept {
  if (!text.empty() && (is_blank(text.front()) || is_blank(text.back()))) {
    return false;
  }
  return std::ranges::all_of(text, may_stand_in_value);
}

bool headers::try_add(std::string_view name, std::string_view value) {
  if (!valid_token(name) || !valid_value(value)) {
    return false;
  }
  places_.push_back({static_cast<std::uint32_t>(text_.size()), static_cast<std::uint32_t>(name.size()),
                     static_cast<std::uint32_t>(value.size())});
  text_.append(name).append(value);
  return true;
}

void headers::add(std::string_view name, std::string_view value) {
  if (!try_add(name, value)) {
    throw misuse("http::headers: \"" + std::string(name) +
                 "\" cannot be a header with this value: its name is no token, or its value would not stand on one "
                 "line, which lets a peer inject headers; check or encode foreign text before");
  }
}

void headers::set(std::string_view name, std::string_view value) {
  headers changed;
  changed.add(name, value);
  for (std::size_t i = 0; i < size(); ++i) {
    const field kept = (*this)[i];
    if (!same_name(kept.name, name)) {
      changed.add(kept.name, kept.value);
    }
  }
  *this = std::move(changed);
}

std::optional<std::string_view> headers::find(std::string_view name) const noexcept {
  for (std::size_t i = 0; i < size(); ++i) {
    const field candidate = (*this)[i];
    if (same_name(candidate.name, name)) {
      return candidate.value;
    }
  }
  return std::nullopt;
}

std::size_t headers::count(std::string_view name) const noexcept {
  std::size_t found = 0;
  for (std::size_t i = 0; i < size(); ++i) {
    found += same_name((*this)[i].name, name) ? 1 : 0;
  }
  return found;
}

bool headers::has_member(std::string_view name, std::string_view member) const noexcept {
  bool found = false;
  for (std::size_t i = 0; i < size(); ++i) {
    const field candidate = (*this)[i];
    if (same_name(candidate.name, name)) {
      for_each_member(candidate.value, [&](std::string_view each) { found = found || same_name(each, member); });
    }
  }
  return found;
}

headers::field headers::operator[](std::size_t index) const noexcept {
  const place at = places_[index];
  const std::string_view text = text_;
  return {text.substr(at.begin, at.name_bytes), text.substr(at.begin + at.name_bytes, at.value_bytes)};
}

}  // namespace whorl::http
