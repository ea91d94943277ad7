#include "protocols/http1_message.h"

namespace whorl::http {

struct response_parser::state final : detail::message_reader {
  state(answer_to question, const message_limits& limits) : message_reader(HTTP_RESPONSE, limits), asked(question) {}
  ~state() override = default;

  answer_to asked;
  response_head head;

  void clear_head() override { head = response_head(); }

  reporting judge_head() override {
    head.status = parser_.status_code;
    head.minor_version = parser_.http_minor;
    if (parser_.http_major != 1) {
      refuse(400, "a version of HTTP other than 1.0 and 1.1");
    }
    if ((parser_.flags & F_CONTENT_LENGTH) != 0) {
      head.content_length = parser_.content_length;
    }
    if (asked == answer_to::head_request) {
      parser_.flags |= F_SKIPBODY;
    }
    head.keep_alive = llhttp_should_keep_alive(&parser_) != 0;
    head.fields = std::move(fields_);
    return head.status < 200 ? reporting::skipped : reporting::wanted;
  }
};

response_parser::response_parser(answer_to asked, const message_limits& limits) : state_(new state(asked, limits)) {}
response_parser::~response_parser() = default;
response_parser::response_parser(response_parser&&) noexcept = default;
response_parser& response_parser::operator=(response_parser&&) noexcept = default;

parsed response_parser::advance(std::string_view& input) { return state_->advance(input); }
parsed response_parser::finish() { return state_->finish(); }
response_head& response_parser::head() noexcept { return state_->head; }
std::string_view response_parser::body() const noexcept { return state_->body(); }
const refusal& response_parser::refused() const noexcept { return state_->refused(); }

}  // namespace whorl::http
