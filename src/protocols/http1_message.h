// Reads one HTTP/1.1 message after the other with llhttp: what the request parser and the response parser share.
#pragma once

#include <whorl/deferred/frame_pool.h>
#include <whorl/protocols/http1_parser.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <llhttp.h>

#include "protocols/http1_lines.h"

namespace whorl::http::detail {

class message_reader : public whorl::detail::framed {
 public:
  parsed advance(std::string_view& input);
  parsed finish();  // the connection ended

  std::string_view body() const noexcept { return body_; }
  const refusal& refused() const noexcept { return refusal_; }
  bool between_messages() const noexcept { return !begun_; }

 protected:
  message_reader(llhttp_type_t type, const message_limits& limits);
  message_reader(const message_reader&) = delete;
  message_reader& operator=(const message_reader&) = delete;
  virtual ~message_reader() = default;

  enum class reporting { wanted, skipped };

  // The head is there, and its lines are in order. Judges it with refuse(), takes what it wants of it, and says whether
  // the message is reported at all.
  virtual reporting judge_head() = 0;
  virtual void clear_head() = 0;

  // The first one counts.
  int refuse(int status, std::string what);

  llhttp_t parser_;
  message_limits limits_;
  std::string target_;
  headers fields_;

 private:
  struct callbacks;  // llhttp's

  // After a pause llhttp may have more to say without another byte: that the message is over.
  bool paused() const noexcept { return llhttp_get_errno(&parser_) == HPE_PAUSED; }
  parsed execute(std::string_view& input);
  void begin_message();
  int add_to_target(std::string_view piece);
  int end_header();
  void end_head();
  int add_chunk(std::uint64_t bytes);
  int add_body(std::string_view piece);
  int pause_at(parsed event);

  void look_at_lines(const char* end);
  void refuse_syntax(llhttp_errno_t what, const char* position);
  void prepare_for_next();

  std::string name_;
  std::string value_;
  std::string_view body_;
  refusal refusal_;

  const char* looked_at_ = nullptr;  // in the input that is being parsed: what is before is body, or was looked at
  line_rule lines_;
  start_line_rule start_line_;
  std::uint64_t line_bytes_ = 0;  // of the head, and then those around chunks
  std::uint64_t body_bytes_ = 0;
  parsed event_ = parsed::needs_more;
  bool begun_ = false;
  bool head_done_ = false;
  bool reported_ = true;
  bool is_refused_ = false;
};

}  // namespace whorl::http::detail
