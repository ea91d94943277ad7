#include "protocols/http1_lines.h"

namespace whorl::http::detail {

namespace {

std::string_view wrong_with_pair(char before, char c) noexcept {
  if (before == '\r' && c != '\n') {
    return "a carriage return without a line feed";
  }
  if (before != '\r' && c == '\n') {
    return "a line feed without a carriage return";
  }
  if (before == '\n' && (c == ' ' || c == '\t')) {
    return "a line that begins with a blank (folded headers are not accepted)";
  }
  return {};
}

constexpr std::uint64_t packed(std::string_view text) {
  std::uint64_t all = 0;
  for (const unsigned char c : text) {
    all = all << 8 | c;
  }
  return all;
}

}  // namespace

std::string_view line_rule::look_at(std::string_view bytes) noexcept {
  for (const char c : bytes) {
    if (c <= ' ' || last_ <= ' ') {
      const std::string_view wrong = wrong_with_pair(last_, c);
      if (!wrong.empty()) {
        return wrong;
      }
    }
    last_ = c;
  }
  return {};
}

std::string_view start_line_rule::look_at(std::string_view bytes) noexcept {
  for (auto next = bytes.begin(); next != bytes.end() && !over_; ++next) {
    if (*next == '\r' || *next == '\n') {
      over_ = last_eight_ != 0;  // empty lines before the start line are skipped
      continue;
    }
    last_eight_ = last_eight_ << 8 | static_cast<unsigned char>(*next);
    blanks_ += *next == ' ' ? 1 : 0;
  }
  if (over_ && (blanks_ != 2 || (last_eight_ >> 24) != packed("HTTP/"))) {
    return "a request line that is not a method, a target and a version of HTTP with one blank between them";
  }
  return {};
}

}  // namespace whorl::http::detail
