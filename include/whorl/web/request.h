// A request as a handler receives it: whole, with its body, owned by the handler.
//
// Thread: a value.
#pragma once

#include <whorl/deferred/error.h>
#include <whorl/protocols/http1_parser.h>
#include <whorl/reactor/address.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace whorl::web {

// Decodes %41 and the like; in a query also + to a blank.
// Fails: errc::bad_input for a % that two hexadecimal digits do not follow, and for %00.
enum class plus_sign { means_blank, means_plus };
result<std::string> percent_decode(std::string_view text, plus_sign plus);

class request {
 public:
  using pairs = std::vector<std::pair<std::string, std::string>>;

  // Fails: errc::bad_input for a target that is no path, or is badly encoded.
  static result<request> from(http::request_head head, std::string body, address peer);

  std::string_view method() const noexcept { return method_; }

  // Without the query, as sent (still percent-encoded): "/jobs/17".
  std::string_view path() const noexcept { return path_; }

  // What {name} in the route's pattern stands for, decoded. Throws misuse if the pattern has no such name.
  const std::string& parameter(std::string_view name) const;

  // The value of name=value in the query, decoded; the first of that name.
  std::optional<std::string_view> query(std::string_view name) const noexcept;
  const pairs& query() const noexcept { return query_; }

  const http::headers& headers() const noexcept { return headers_; }
  // The first header of that name, or `otherwise`.
  std::string_view header(std::string_view name, std::string_view otherwise = {}) const noexcept {
    return headers_.find(name).value_or(otherwise);
  }

  // The host that was asked for, with its port if one was sent; empty for HTTP/1.0 clients that do not say.
  std::string_view host() const noexcept { return host_; }

  const std::string& body() const& noexcept { return body_; }
  std::string body() && noexcept { return std::move(body_); }

  const address& peer() const noexcept { return peer_; }

  void set_parameters(pairs parameters) noexcept { parameters_ = std::move(parameters); }

 private:
  std::string_view method_;
  std::string path_;
  std::string host_;
  pairs parameters_;
  pairs query_;
  http::headers headers_;
  std::string body_;
  address peer_;
};

}  // namespace whorl::web
