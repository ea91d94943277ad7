// Parsers of HTTP/1.1 without I/O: bytes in, one event after the other out.
//
//     while (true) {
//       switch (parser.advance(input)) {           // takes bytes off the front of `input`
//         case parsed::needs_more: return;         // `input` is empty now
//         case parsed::head:       look_at(parser.head()); break;
//         case parsed::body:       keep(parser.body()); break;
//         case parsed::end:        answer(); break;           // the next call begins the next message
//         case parsed::refused:    answer(parser.refused()); return;
//       }
//     }
//
// They are pulled, so pausing is not calling: what was not taken off `input` is the caller's to keep.
//
// The request parser is strict, because two servers that read one request differently are how requests are smuggled:
// a request that disagrees with itself about its length or its host, or whose lines end in anything but CRLF, is
// refused, and the connection must be closed after the answer.
//
// Thread:   belongs to one thread at a time.
// Fails:    with parsed::refused, for good.
// Cost:     one pass by llhttp, one look for line ends; a few allocations a message for its head.
// Source:   RFC 9112; its 2.2, 5.1, 5.2, 6.1, 6.3, 7.1 and 11.2 for what is refused.
#pragma once

#include <whorl/protocols/http_headers.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace whorl::http {

enum class parsed : std::uint8_t { needs_more, head, body, end, refused };

// How much of a message is accepted. The head counts with its line ends; the target is also limited by the head.
struct message_limits {
  std::size_t target_bytes = 8 * 1024;
  std::size_t head_bytes = 16 * 1024;
  std::size_t header_count = 100;
  std::uint64_t body_bytes = 8 * 1024 * 1024;
};

struct request_head {
  std::string_view method;  // "GET"; one of a fixed set, of static lifetime
  std::string target;       // as sent: "/jobs?state=running", or "http://host/jobs", or "*"
  int minor_version = 1;    // of HTTP/1
  headers fields;
  std::optional<std::uint64_t> content_length;
  bool chunked = false;
  bool keep_alive = true;         // the client means to go on using the connection
  bool expects_continue = false;  // it waits for 100 (Continue) before it sends the body
};

// What to answer to a message that cannot be accepted, and why.
struct refusal {
  int status = 400;
  std::string what;
};

class request_parser {
 public:
  explicit request_parser(const message_limits& limits);
  ~request_parser();
  request_parser(request_parser&&) noexcept;
  request_parser& operator=(request_parser&&) noexcept;

  // The next event in `input`, whose bytes are taken off. An event is good until the next call.
  parsed advance(std::string_view& input);

  // After parsed::head; may be moved from.
  request_head& head() noexcept;
  // After parsed::body: lent from the input.
  std::string_view body() const noexcept;
  // After parsed::refused.
  const refusal& refused() const noexcept;

  // True before the first byte of a message: at the start and after parsed::end.
  bool between_messages() const noexcept;

 private:
  struct state;
  std::unique_ptr<state> state_;
};

struct response_head {
  int status = 0;
  int minor_version = 1;
  headers fields;
  std::optional<std::uint64_t> content_length;
  bool keep_alive = true;
};

enum class answer_to : std::uint8_t { head_request, other_request };

// Parses responses, as a client reads them. Interim responses (100 to 199) are skipped.
class response_parser {
 public:
  explicit response_parser(answer_to asked, const message_limits& limits = message_limits());
  ~response_parser();
  response_parser(response_parser&&) noexcept;
  response_parser& operator=(response_parser&&) noexcept;

  parsed advance(std::string_view& input);

  // The connection has ended: parsed::end if that is a legal end of the message, else parsed::refused.
  parsed finish();

  response_head& head() noexcept;
  std::string_view body() const noexcept;
  const refusal& refused() const noexcept;

 private:
  struct state;
  std::unique_ptr<state> state_;
};

}  // namespace whorl::http
