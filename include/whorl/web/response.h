// What a handler answers: a status, headers, and a body that is whole, pulled in pieces, or a stream of events.
//
//     return response::json(text);
//     return response::text("no such thing\n").with_status(404);
//     return response::pulled("text/csv", [file]() { return file->next_piece(); });
//
// Thread: the loop's.
#pragma once

#include <whorl/deferred/deferred.h>
#include <whorl/protocols/http_headers.h>
#include <whorl/web/event_stream.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace whorl::web {

// Gives the next piece of a body, nothing at its end. It is asked for one piece at a time, and only while the transport
// is below its high-water mark. A failure breaks the connection off, so that the peer sees that the body is incomplete.
using piece_source = std::move_only_function<deferred<std::optional<std::string>>()>;

class response {
 public:
  explicit response(int status = 200) : status_(status) {}

  static response text(std::string body) { return of("text/plain; charset=utf-8", std::move(body)); }
  static response json(std::string body) { return of("application/json", std::move(body)); }

  // A page: with Content-Security-Policy, X-Content-Type-Options, Referrer-Policy and X-Frame-Options as fits one that
  // loads everything from its own server.
  static response html(std::string body);

  static response of(std::string_view content_type, std::string body);

  // Of something that lives as long as the program, such as an embedded file: it is not copied.
  static response lasting(std::string_view content_type, std::string_view body);

  // Sent with Content-Length if the length is given, else chunked.
  static response pulled(std::string_view content_type, piece_source next_piece,
                         std::optional<std::uint64_t> content_length = std::nullopt);
  static response events(event_stream stream);

  // {"error": what, "where": field, "hint": what to do}; an empty `where` or `hint` is left out.
  static response json_error(int status, std::string_view what, std::string_view where = {},
                             std::string_view hint = {});

  response with_status(int status) && {
    status_ = status;
    return std::move(*this);
  }
  // Replaces a header of that name. Throws misuse for what could not stand in a header (headers::add).
  response with_header(std::string_view name, std::string_view value) && {
    headers_.set(name, value);
    return std::move(*this);
  }
  // The headers that response::html sets.
  response with_page_security() &&;

  int status() const noexcept { return status_; }
  http::headers& headers() noexcept { return headers_; }
  const http::headers& headers() const noexcept { return headers_; }

  struct pulled_body {
    piece_source next_piece;
    std::optional<std::uint64_t> content_length;
  };
  using body_variant = std::variant<std::string, std::string_view, pulled_body, event_stream>;
  body_variant& body() noexcept { return body_; }
  const body_variant& body() const noexcept { return body_; }

 private:
  int status_;
  http::headers headers_;
  body_variant body_;
};

// `text` between quotes, escaped as JSON wants it; bytes that are no UTF-8 become U+FFFD.
std::string json_quoted(std::string_view text);

}  // namespace whorl::web
