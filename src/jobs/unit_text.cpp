// What is kept away from UDUNITS-2's parser.
#include <fmt/format.h>
#include <whorl/jobs/unit_system.h>

#include <algorithm>
#include <array>
#include <cctype>

namespace whorl {

namespace {

constexpr std::size_t longest_unit_bytes = 120;
constexpr std::size_t most_digits = 20;
constexpr int deepest_parentheses = 8;

constexpr std::string_view signs = " ._^*/+-()'\"%@:$";

// Beyond ASCII: degree, micro (two code points), exponents, middle dot, ohm (two), angstrom (two), prime, double prime.
constexpr std::array<std::string_view, 19> other_characters = {
    "\u00B0", "\u00B5", "\u03BC", "\u00B9", "\u00B2", "\u00B3", "\u2074", "\u2075", "\u2076", "\u2077",
    "\u2078", "\u2079", "\u207B", "\u00B7", "\u2126", "\u03A9", "\u00C5", "\u2032", "\u2033"};

// How many bytes at the front are one character that a unit may be written with; 0 if it may not.
std::size_t allowed_bytes(std::string_view text) {
  const auto first = static_cast<unsigned char>(text.front());
  if (first < 0x80) {
    return std::isalnum(first) != 0 || signs.find(text.front()) != std::string_view::npos ? 1 : 0;
  }
  for (const std::string_view character : other_characters) {
    if (text.starts_with(character)) {
      return character.size();
    }
  }
  return 0;
}

std::unexpected<error> refuse(std::string_view unit, std::string_view what, std::string_view hint) {
  constexpr std::size_t longest_quote = 40;
  std::string quoted(unit.substr(0, longest_quote));
  std::ranges::replace_if(quoted, [](unsigned char byte) { return byte < 0x20 || byte > 0x7E; }, '?');
  return std::unexpected(error(errc::bad_input, fmt::format("unit \"{}\"{}: {}; {}", quoted,
                                                            unit.size() > longest_quote ? "..." : "", what, hint)));
}

struct shape {
  std::size_t digits = 0;
  int depth = 0;

  void see(char character) {
    digits = character >= '0' && character <= '9' ? digits + 1 : character == '.' ? digits : 0;
    depth += character == '(' ? 1 : character == ')' ? -1 : 0;
  }
  bool balanced() const { return depth >= 0 && depth <= deepest_parentheses; }
};

}  // namespace

result<void> check_unit_text(std::string_view unit) {
  if (unit.find_first_not_of(' ') == std::string_view::npos) {
    return refuse(unit, "it is empty", "write a unit, such as \"m/s\", or \"1\" for a plain number");
  }
  if (unit.size() > longest_unit_bytes) {
    return refuse(unit, fmt::format("it has {} bytes, more than {}", unit.size(), longest_unit_bytes), "shorten it");
  }
  shape seen;
  for (std::size_t at = 0; at < unit.size();) {
    const std::size_t bytes = allowed_bytes(unit.substr(at));
    if (bytes == 0) {
      return refuse(unit, fmt::format("the character at byte {} is not one that units are written with", at + 1),
                    "use letters, digits and ._^*/+-()'\"%");
    }
    seen.see(unit[at]);
    if (seen.digits > most_digits) {
      return refuse(unit, fmt::format("it has a number of more than {} digits", most_digits), "round it");
    }
    if (!seen.balanced()) {
      return refuse(unit, "its parentheses do not match, or nest too deeply",
                    fmt::format("close each one, and nest at most {} deep", deepest_parentheses));
    }
    at += bytes;
  }
  if (seen.depth != 0) {
    return refuse(unit, "a parenthesis is not closed", "close it");
  }
  return {};
}

}  // namespace whorl
