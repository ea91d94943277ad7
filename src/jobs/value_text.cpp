// Values written as JSON.
#include <fmt/format.h>
#include <simdjson.h>
#include <whorl/jobs/value.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace whorl {

namespace {

constexpr std::string_view replacement_character = "\xEF\xBF\xBD";

// How many bytes at the front are one character of UTF-8; 0 if they are none.
std::size_t character_bytes(std::string_view text) {
  for (std::size_t length = 1; length <= std::min<std::size_t>(4, text.size()); ++length) {
    if (simdjson::validate_utf8(text.data(), length)) {
      return length;
    }
  }
  return 0;
}

std::string with_replacements(std::string_view text) {
  std::string valid;
  while (!text.empty()) {
    const std::size_t length = character_bytes(text);
    valid += length == 0 ? replacement_character : text.substr(0, length);
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return valid;
}

void append_escaped(std::string& out, char character) {
  switch (character) {
    case '"': out += "\\\""; break;
    case '\\': out += "\\\\"; break;
    case '\n': out += "\\n"; break;
    case '\r': out += "\\r"; break;
    case '\t': out += "\\t"; break;
    default:
      if (static_cast<unsigned char>(character) < 0x20) {
        out += fmt::format("\\u{:04x}", static_cast<unsigned>(character));
      } else {
        out += character;
      }
  }
}

void append_text(std::string& out, const std::string& text) {
  out += '"';
  if (simdjson::validate_utf8(text.data(), text.size())) {
    for (const char character : text) {
      append_escaped(out, character);
    }
  } else {
    for (const char character : with_replacements(text)) {
      append_escaped(out, character);
    }
  }
  out += '"';
}

// As few digits as read back to the same bits, and a sign that it is a decimal number.
void append_number(std::string& out, double number) {
  std::array<char, 32> digits;
  const char* end = std::to_chars(digits.begin(), digits.end(), number).ptr;
  const std::string_view written(digits.begin(), end);
  out += written;
  if (written.find_first_of(".e") == std::string_view::npos) {
    out += ".0";
  }
}

void append(std::string& out, const value& written) {
  switch (written.type()) {
    case value::kind::null: out += "null"; break;
    case value::kind::boolean: out += written.as_boolean() ? "true" : "false"; break;
    case value::kind::integer: out += std::to_string(written.as_integer()); break;
    case value::kind::number: append_number(out, written.as_number()); break;
    case value::kind::text: append_text(out, written.as_text()); break;
    case value::kind::list: {
      const char* before = "[";
      for (const value& item : written.as_list()) {
        out += before;
        append(out, item);
        before = ",";
      }
      out += written.as_list().empty() ? "[]" : "]";
      break;
    }
    case value::kind::object: {
      const char* before = "{";
      for (const value::member& member : written.as_object()) {
        out += before;
        append_text(out, member.name);
        out += ':';
        append(out, member.content);
        before = ",";
      }
      out += written.as_object().empty() ? "{}" : "}";
      break;
    }
  }
}

}  // namespace

std::string to_text(const value& written) {
  std::string out;
  append(out, written);
  return out;
}

}  // namespace whorl
