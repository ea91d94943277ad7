#include <algorithm>
#include <array>
#include <string>

#include "protocols/http1_message.h"

namespace whorl::http {

namespace {

// What a host and port are written with (RFC 3986, 3.2.2); no user names, no lists.
bool valid_host(std::string_view host) noexcept {
  constexpr std::string_view others = "-._~%!$&'()*+;=:[]";
  return std::ranges::all_of(host, [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           others.find(c) != std::string_view::npos;
  });
}

bool valid_target(std::string_view target, std::string_view method) noexcept {
  if (target.find('#') != std::string_view::npos) {
    return false;
  }
  return target.starts_with('/') || target.starts_with("http://") || target.starts_with("https://") ||
         (target == "*" && method == "OPTIONS");
}

}  // namespace

struct request_parser::state final : detail::message_reader {
  explicit state(const message_limits& limits) : message_reader(HTTP_REQUEST, limits) {}
  ~state() override = default;

  request_head head;

  void clear_head() override { head = request_head(); }

  reporting judge_head() override {
    judge_start_line();
    judge_host();
    judge_transfer_coding();
    judge_length();
    judge_expectation();
    head.keep_alive = llhttp_should_keep_alive(&parser_) != 0;
    head.target = std::move(target_);
    head.fields = std::move(fields_);
    return reporting::wanted;
  }

  void judge_start_line() {
    head.method = llhttp_method_name(static_cast<llhttp_method_t>(parser_.method));
    head.minor_version = parser_.http_minor;
    if (parser_.http_major != 1 || parser_.http_minor > 1) {
      refuse(505, "a version of HTTP other than 1.0 and 1.1");
    } else if (parser_.method == HTTP_CONNECT) {
      refuse(501, "CONNECT: this is no proxy");
    } else if (!valid_target(target_, head.method)) {
      refuse(400, "a target that is neither a path nor an http URL");
    }
  }

  void judge_host() {
    const std::size_t hosts = fields_.count("host");
    if (hosts > 1 || (hosts == 0 && head.minor_version == 1)) {
      refuse(400, hosts == 0 ? "no Host header" : "more than one Host header");
    } else if (hosts == 1 && !valid_host(*fields_.find("host"))) {
      refuse(400, "a Host header that names no host");
    }
  }

  // Any coding but chunked is not understood; chunked must be there once, and be understood by llhttp too.
  void judge_transfer_coding() {
    if (!fields_.contains("transfer-encoding")) {
      return;
    }
    int chunked = 0;
    for (std::size_t i = 0; i < fields_.size(); ++i) {
      if (same_name(fields_[i].name, "transfer-encoding")) {
        for_each_member(fields_[i].value, [&](std::string_view coding) {
          chunked += same_name(coding, "chunked") ? 1 : 0;
          if (!same_name(coding, "chunked")) {
            refuse(501, "a transfer coding other than chunked");
          }
        });
      }
    }
    if (chunked != 1 || head.minor_version == 0 || (parser_.flags & F_CHUNKED) == 0) {
      refuse(400, "a Transfer-Encoding header that leaves the length of the body in doubt");
    }
    head.chunked = true;
  }

  void judge_length() {
    if ((parser_.flags & F_CONTENT_LENGTH) == 0) {
      return;
    }
    if (head.chunked || fields_.count("content-length") != 1) {
      refuse(400, "lengths that contradict each other");
    }
    head.content_length = parser_.content_length;
    if (parser_.content_length > limits_.body_bytes) {
      refuse(413, "the body is larger than " + std::to_string(limits_.body_bytes) + " bytes");
    }
  }

  void judge_expectation() {
    const auto expected = fields_.find("expect");
    if (!expected || head.minor_version == 0) {
      return;
    }
    if (!same_name(*expected, "100-continue")) {
      refuse(417, "an expectation other than 100-continue");
    }
    head.expects_continue = head.chunked || head.content_length.value_or(0) > 0;
  }
};

request_parser::request_parser(const message_limits& limits) : state_(new state(limits)) {}
request_parser::~request_parser() = default;
request_parser::request_parser(request_parser&&) noexcept = default;
request_parser& request_parser::operator=(request_parser&&) noexcept = default;

parsed request_parser::advance(std::string_view& input) { return state_->advance(input); }
request_head& request_parser::head() noexcept { return state_->head; }
std::string_view request_parser::body() const noexcept { return state_->body(); }
const refusal& request_parser::refused() const noexcept { return state_->refused(); }
bool request_parser::between_messages() const noexcept { return state_->between_messages(); }

}  // namespace whorl::http
