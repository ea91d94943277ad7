// Where a URL leads: the endpoint to connect to, and what to ask for there.
#pragma once

#include <whorl/deferred/error.h>

#include <string>
#include <string_view>

namespace whorl::web {

struct url_parts {
  std::string endpoint;  // "tcp:127.0.0.1:8080"
  std::string host;      // for the Host header: "127.0.0.1:8080"
  std::string target;    // "/jobs?state=running"
};

// "http://host[:port][/path]" and "http+unix:socket[:/path]".
// Fails: errc::bad_input.
result<url_parts> parse_url(std::string_view url);

}  // namespace whorl::web
