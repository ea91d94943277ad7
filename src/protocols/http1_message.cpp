#include "protocols/http1_message.h"

#include <algorithm>
#include <string>

namespace whorl::http::detail {

namespace {

// Chunked framing may cost this much a byte of body, besides what a head may have: a byte a chunk costs 5.
constexpr std::uint64_t chunk_line_bytes_a_body_byte = 8;

std::string_view without_blanks_at_end(std::string_view text) {
  return text.substr(0, text.find_last_not_of(" \t") + 1);
}

}  // namespace

struct message_reader::callbacks {
  static message_reader& reader(llhttp_t* parser) { return *static_cast<message_reader*>(parser->data); }

  static int begin(llhttp_t* parser) {
    reader(parser).begin_message();
    return HPE_OK;
  }
  static int url(llhttp_t* parser, const char* at, std::size_t size) {
    return reader(parser).add_to_target({at, size});
  }
  static int name(llhttp_t* parser, const char* at, std::size_t size) {
    reader(parser).name_.append(at, size);
    return HPE_OK;
  }
  static int value(llhttp_t* parser, const char* at, std::size_t size) {
    reader(parser).value_.append(at, size);
    return HPE_OK;
  }
  static int header(llhttp_t* parser) { return reader(parser).end_header(); }
  static int head(llhttp_t* parser) { return reader(parser).pause_at(parsed::head); }
  static int chunk(llhttp_t* parser) { return reader(parser).add_chunk(parser->content_length); }
  static int body(llhttp_t* parser, const char* at, std::size_t size) { return reader(parser).add_body({at, size}); }
  static int end(llhttp_t* parser) { return reader(parser).pause_at(parsed::end); }

  static llhttp_settings_t settings() {
    llhttp_settings_t all;
    llhttp_settings_init(&all);
    all.on_message_begin = begin;
    all.on_url = url;
    all.on_header_field = name;
    all.on_header_value = value;
    all.on_header_value_complete = header;
    all.on_headers_complete = head;
    all.on_chunk_header = chunk;
    all.on_body = body;
    all.on_message_complete = end;
    return all;
  }
};

message_reader::message_reader(llhttp_type_t type, const message_limits& limits) : limits_(limits) {
  static const llhttp_settings_t settings = callbacks::settings();
  llhttp_init(&parser_, type, &settings);
  parser_.data = this;
}

parsed message_reader::advance(std::string_view& input) {
  body_ = {};
  event_ = parsed::needs_more;
  while (!is_refused_ && event_ == parsed::needs_more && (paused() || !input.empty())) {
    event_ = execute(input);
  }
  return is_refused_ ? parsed::refused : event_;
}

parsed message_reader::execute(std::string_view& input) {
  static constexpr char nothing = '\0';  // llhttp takes a null pointer for "inside nothing"
  const std::uint64_t most = head_done_ ? input.size() : limits_.head_bytes + 1 - line_bytes_;
  const char* const begin = input.empty() ? &nothing : input.data();
  const auto offered = static_cast<std::size_t>(std::min<std::uint64_t>(input.size(), most));
  begun_ = begun_ || !input.empty();
  looked_at_ = begin;
  if (paused()) {
    llhttp_resume(&parser_);
  }

  const llhttp_errno_t said = llhttp_execute(&parser_, begin, offered);
  const char* const position = said == HPE_OK ? begin + offered : llhttp_get_error_pos(&parser_);
  look_at_lines(position);
  if (!is_refused_ && said != HPE_OK && said != HPE_PAUSED) {
    refuse_syntax(said, position);
  }
  if (!is_refused_ && event_ == parsed::head) {
    end_head();
  }
  if (is_refused_) {
    return parsed::refused;
  }
  input.remove_prefix(static_cast<std::size_t>(position - begin));
  const parsed event = reported_ ? event_ : parsed::needs_more;
  if (event_ == parsed::end) {
    prepare_for_next();
  }
  return event;
}

parsed message_reader::finish() {
  body_ = {};
  event_ = parsed::needs_more;
  if (paused()) {
    llhttp_resume(&parser_);
  }
  llhttp_finish(&parser_);
  if (event_ != parsed::end) {
    refuse(400, "the connection ended before the message did");
  }
  return is_refused_ ? parsed::refused : event_;
}

int message_reader::refuse(int status, std::string what) {
  if (!is_refused_) {
    is_refused_ = true;
    refusal_ = {status, std::move(what)};
  }
  return HPE_USER;
}

void message_reader::begin_message() {
  target_.clear();
  fields_ = headers();
  name_.clear();
  value_.clear();
  clear_head();
}

int message_reader::add_to_target(std::string_view piece) {
  if (target_.size() + piece.size() > limits_.target_bytes) {
    return refuse(414, "the target is longer than " + std::to_string(limits_.target_bytes) + " bytes");
  }
  target_.append(piece);
  return HPE_OK;
}

// Also of trailers: they are judged, and forgotten, since the head was handed over before.
int message_reader::end_header() {
  if (fields_.size() == limits_.header_count) {
    return refuse(431, "more than " + std::to_string(limits_.header_count) + " headers");
  }
  if (!fields_.try_add(name_, without_blanks_at_end(value_))) {
    return refuse(400, "a header whose name is no token or whose value holds a control character");
  }
  name_.clear();
  value_.clear();
  return HPE_OK;
}

void message_reader::end_head() {
  parser_.upgrade = 0;  // no other protocol is spoken here: an upgrade that is not granted is a request like others
  reported_ = judge_head() == reporting::wanted;
  head_done_ = true;
  line_bytes_ = 0;
}

int message_reader::add_chunk(std::uint64_t bytes) {
  if (bytes > limits_.body_bytes || body_bytes_ > limits_.body_bytes - bytes) {
    return refuse(413, "the body is larger than " + std::to_string(limits_.body_bytes) + " bytes");
  }
  return HPE_OK;
}

int message_reader::add_body(std::string_view piece) {
  if (piece.empty()) {
    return HPE_OK;
  }
  look_at_lines(piece.data());
  if (body_bytes_ + piece.size() > limits_.body_bytes) {
    refuse(413, "the body is larger than " + std::to_string(limits_.body_bytes) + " bytes");
  }
  body_bytes_ += piece.size();
  looked_at_ = piece.data() + piece.size();
  body_ = piece;
  return is_refused_ ? HPE_USER : pause_at(parsed::body);
}

int message_reader::pause_at(parsed event) {
  event_ = event;
  return HPE_PAUSED;
}

void message_reader::look_at_lines(const char* end) {
  if (end <= looked_at_) {
    return;
  }
  const std::string_view bytes(looked_at_, static_cast<std::size_t>(end - looked_at_));
  looked_at_ = end;
  line_bytes_ += bytes.size();
  std::string_view wrong = lines_.look_at(bytes);
  if (wrong.empty() && parser_.type == HTTP_REQUEST) {
    wrong = start_line_.look_at(bytes);
  }
  if (!wrong.empty()) {
    is_refused_ = false;  // llhttp read on, and may have found another fault further on
    refuse(400, std::string(wrong));
  } else if (line_bytes_ > limits_.head_bytes + chunk_line_bytes_a_body_byte * body_bytes_) {
    refuse(head_done_ ? 400 : 431, head_done_ ? "chunk extensions or trailers out of proportion to the body"
                                              : "a head of more than " + std::to_string(limits_.head_bytes) + " bytes");
  }
}

void message_reader::refuse_syntax(llhttp_errno_t what, const char* position) {
  int status = 400;
  if (what == HPE_INVALID_METHOD && valid_token({position, 1})) {
    status = 501;
  } else if (what == HPE_INVALID_VERSION || what == HPE_PAUSED_H2_UPGRADE) {
    status = 505;
  }
  refuse(status, llhttp_get_error_reason(&parser_));
}

void message_reader::prepare_for_next() {
  start_line_ = start_line_rule();
  line_bytes_ = 0;
  body_bytes_ = 0;
  begun_ = false;
  head_done_ = false;
}

}  // namespace whorl::http::detail
