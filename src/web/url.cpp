#include "web/url.h"

#include <whorl/net/endpoint.h>

#include <algorithm>

namespace whorl::web {

namespace {

constexpr std::string_view http_scheme = "http://";
constexpr std::string_view unix_scheme = "http+unix:";

std::unexpected<error> refuse(std::string_view url, std::string_view why) {
  return std::unexpected(error(errc::bad_input, "the URL \"" + std::string(url) +
                                                    "\" cannot be asked: " + std::string(why) +
                                                    "; write http://host:port/path or http+unix:socket:/path"));
}

bool all_printable(std::string_view text) {
  return std::ranges::all_of(text, [](unsigned char c) { return c > ' ' && c < 0x7f; });
}

// From the first / or ? to a #, with a / in front.
std::string target_in(std::string_view rest) {
  const std::string_view target = rest.substr(0, rest.find('#'));
  return target.starts_with('/') ? std::string(target) : "/" + std::string(target);
}

bool has_port(std::string_view host) {
  const std::size_t colon = host.rfind(':');
  return colon != std::string_view::npos && host.find(']', colon) == std::string_view::npos;
}

}  // namespace

result<url_parts> parse_url(std::string_view url) {
  if (!all_printable(url)) {
    return refuse(url, "it holds blanks, control characters or bytes above 126, which must be percent-encoded");
  }
  url_parts parts;
  if (url.starts_with(unix_scheme)) {
    const std::string_view rest = url.substr(unix_scheme.size());
    const std::size_t colon = std::min(rest.find(":/"), rest.size());
    parts.endpoint = "unix:" + quote_endpoint_field(rest.substr(0, colon));
    parts.host = "localhost";
    parts.target = target_in(rest.substr(std::min(colon + 1, rest.size())));
    return parts;
  }
  if (!url.starts_with(http_scheme)) return refuse(url, "only http is spoken here");
  const std::string_view rest = url.substr(http_scheme.size());
  const std::size_t end = std::min(rest.find_first_of("/?#"), rest.size());
  parts.host = rest.substr(0, end);
  if (parts.host.empty()) return refuse(url, "it names no host");
  if (parts.host.find('@') != std::string::npos) return refuse(url, "it names a user");
  parts.endpoint = "tcp:" + parts.host + (has_port(parts.host) ? "" : ":80");
  parts.target = target_in(rest.substr(end));
  return parts;
}

}  // namespace whorl::web
