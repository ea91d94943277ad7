#include <whorl/web/response.h>

#include <utility>

#include <nlohmann/json.hpp>

namespace whorl::web {

namespace {

std::string dump(const nlohmann::ordered_json& value) {
  return value.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace

std::string json_quoted(std::string_view text) { return dump(text); }

response response::of(std::string_view content_type, std::string body) {
  response made;
  made.headers_.add("Content-Type", content_type);
  made.body_ = std::move(body);
  return made;
}

response response::html(std::string body) {
  return of("text/html; charset=utf-8", std::move(body)).with_page_security();
}

response response::lasting(std::string_view content_type, std::string_view body) {
  response made;
  made.headers_.add("Content-Type", content_type);
  made.body_ = body;
  return made;
}

response response::pulled(std::string_view content_type, piece_source next_piece,
                          std::optional<std::uint64_t> content_length) {
  response made;
  made.headers_.add("Content-Type", content_type);
  made.body_ = pulled_body{std::move(next_piece), content_length};
  return made;
}

response response::events(event_stream stream) {
  response made;
  made.headers_.add("Content-Type", "text/event-stream");
  made.headers_.add("Cache-Control", "no-store");
  made.body_ = std::move(stream);
  return made;
}

response response::json_error(int status, std::string_view what, std::string_view where, std::string_view hint) {
  nlohmann::ordered_json body;
  body["error"] = what;
  if (!where.empty()) body["where"] = where;
  if (!hint.empty()) body["hint"] = hint;
  return json(dump(body) + "\n").with_status(status);
}

response response::with_page_security() && {
  headers_.set("Content-Security-Policy", "default-src 'self'; frame-ancestors 'none'; base-uri 'none'");
  headers_.set("X-Content-Type-Options", "nosniff");
  headers_.set("X-Frame-Options", "DENY");
  headers_.set("Referrer-Policy", "same-origin");
  return std::move(*this);
}

}  // namespace whorl::web
