#include <whorl/protocols/http1_writer.h>

#include <whorl/deferred/error.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <ctime>
#include <utility>

#include <fmt/format.h>

namespace whorl::http {

namespace {

using named_status = std::pair<int, std::string_view>;

constexpr auto reasons = std::to_array<named_status>({
    {100, "Continue"},
    {101, "Switching Protocols"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {205, "Reset Content"},
    {206, "Partial Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {426, "Upgrade Required"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
});
static_assert(std::ranges::is_sorted(reasons));

void append_fields(std::string& out, const headers& fields) {
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const headers::field field = fields[i];
    out.append(field.name).append(": ").append(field.value).append("\r\n");
  }
  out.append("\r\n");
}

std::string format_date(std::time_t when) {
  static constexpr std::array days = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr std::array months = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  std::tm parts{};
  gmtime_r(&when, &parts);
  return fmt::format("{}, {:02} {} {} {:02}:{:02}:{:02} GMT", days[static_cast<std::size_t>(parts.tm_wday)],
                     parts.tm_mday, months[static_cast<std::size_t>(parts.tm_mon)], parts.tm_year + 1900, parts.tm_hour,
                     parts.tm_min, parts.tm_sec);
}

}  // namespace

std::string_view reason_phrase(int status) noexcept {
  const auto found = std::ranges::lower_bound(reasons, status, {}, &named_status::first);
  return found != reasons.end() && found->first == status ? found->second : "Unknown";
}

std::string_view date(std::chrono::system_clock::time_point now) {
  thread_local std::time_t cached_second = -1;
  thread_local std::string cached;
  const std::time_t second = std::chrono::system_clock::to_time_t(now);
  if (second != cached_second) {
    cached = format_date(second);
    cached_second = second;
  }
  return cached;
}

void append_response_head(std::string& out, int status, const headers& fields) {
  std::array<char, 12> digits{};
  const auto written = std::to_chars(digits.data(), digits.data() + digits.size(), status);
  out.append("HTTP/1.1 ").append(digits.data(), written.ptr).append(" ").append(reason_phrase(status));
  out.append("\r\nDate: ").append(date(std::chrono::system_clock::now())).append("\r\n");
  append_fields(out, fields);
}

void append_request_head(std::string& out, std::string_view method, std::string_view target, const headers& fields) {
  const bool valid = valid_token(method) && !target.empty() &&
                     std::ranges::all_of(target, [](unsigned char c) { return c > ' ' && c < 0x7f; });
  if (!valid) {
    throw misuse("http: \"" + std::string(method) + " " + std::string(target) +
                 "\" cannot be a request line: the method must be a token and the target must hold neither blanks nor "
                 "control characters nor bytes above 126; percent-encode foreign text before");
  }
  out.append(method).append(" ").append(target).append(" HTTP/1.1\r\n");
  append_fields(out, fields);
}

void append_chunk(std::string& out, std::string_view data) {
  if (data.empty()) {
    return;
  }
  std::array<char, 16> digits{};
  const auto written = std::to_chars(digits.data(), digits.data() + digits.size(), data.size(), 16);
  out.append(digits.data(), written.ptr).append("\r\n").append(data).append("\r\n");
}

}  // namespace whorl::http
