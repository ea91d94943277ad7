// What we ask of the lines of a message beyond what llhttp asks: each ends in CRLF and in nothing else, and none begins
// with a blank. llhttp 8 takes a line feed alone after a request line and for the empty line, and it joins folded lines;
// servers that read those differently are how requests are smuggled (RFC 9112, 2.2 and 5.2).
#pragma once

#include <cstdint>
#include <string_view>

namespace whorl::http::detail {

class line_rule {
 public:
  // Looks at the next bytes that belong to lines, in pieces of any size. Says what is wrong with them, or nothing.
  std::string_view look_at(std::string_view bytes) noexcept;

 private:
  char last_ = '\n';
};

// The start line of a request: a method, a target and a version of HTTP with one blank between them. llhttp takes more
// blanks, and reads RTSP, ICE and HTTP/0.9 too.
class start_line_rule {
 public:
  // As line_rule::look_at, from the first byte of a message on; does nothing once the line is over.
  std::string_view look_at(std::string_view bytes) noexcept;

 private:
  std::uint64_t last_eight_ = 0;  // characters, the last one lowest
  int blanks_ = 0;
  bool over_ = false;
};

}  // namespace whorl::http::detail
