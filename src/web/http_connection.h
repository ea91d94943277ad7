// One connection of a server: reads requests, has them handled one at a time, and sends the responses.
//
//   reading    a request is awaited (idle: nothing of it is there) or its head or body is arriving;
//   handling   its handler runs; what arrives is kept, up to server_options::pipelined_bytes;
//   sending    its response is pulled from a source, or is a stream of events;
//   closing    lose_connection was called.
//
// One timer serves all limits: it is set to the earliest moment at which one could have been passed, and looks then.
//
// Lifetime: owned by its transport.
// Cost:     an idle connection holds no buffer, no parser and no request.
#pragma once

#include <whorl/deferred/frame_pool.h>
#include <whorl/net/protocol.h>
#include <whorl/net/transport.h>
#include <whorl/protocols/http1_parser.h>
#include <whorl/web/server.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "web/event_stream_state.h"
#include "web/server_state.h"

namespace whorl::web {

class http_connection;

// A handler at work. When its peer leaves, the server keeps it until it has finished.
struct handling : whorl::detail::framed {
  void finished(outcome<response> answer);
  void cancel();

  http_connection* connection = nullptr;  // none: the peer has left
  std::shared_ptr<web::server::state> server;
  deferred<void> work;

  handling(http_connection& of, std::shared_ptr<server::state> its_server)
      : connection(&of), server(std::move(its_server)), work(succeed()) {}
};

class http_connection final : public protocol, private event_sink, public whorl::detail::framed {
 public:
  explicit http_connection(std::shared_ptr<server::state> server) : server_(std::move(server)) {}

  void connection_made(transport& connection) override;
  void data_received(bytes_view bytes) override;
  void read_connection_lost() override;
  void connection_lost(const failure& reason) override;
  void writing_resumed() override;

  // The server stops: ends now if nothing is underway, else after the response underway.
  void finish_soon();
  void abort();

  std::size_t place_in_server = 0;

 private:
  friend struct handling;

  enum class phase : std::uint8_t { reading, handling, sending, closing };

  // What arrives: there only while there is something of a request.
  struct incoming : whorl::detail::framed {
    explicit incoming(const http::message_limits& limits) : parser(limits) {}

    enum class part : std::uint8_t { none, head, body };

    // The part of a request that is incomplete.
    part arriving() const {
      if (head_done) return part::body;
      return parser.between_messages() ? part::none : part::head;
    }

    http::request_parser parser;
    http::request_head head;
    std::string body;
    std::size_t window_begin_bytes = 0;  // of the body, when its present window began
    part limited = part::none;           // what the deadline is for
    bool head_done = false;
    std::string unread;  // what the peer sent ahead
  };

  // A response that is underway: pulled, or a stream of events.
  struct outgoing : whorl::detail::framed {
    piece_source next_piece;
    std::optional<deferred<void>> piece;         // the one that is waited for
    std::optional<std::uint64_t> missing_bytes;  // of the length that was promised
    event_stream::state* events = nullptr;
  };

  // http_connection.cpp: its life, and its limits
  void set_deadline(duration from_now);
  void wake_timer_at(time_point when);
  void timer_rang();
  void deadline_passed();
  void look_for_stall(time_point now);
  bool below_high_water() const;
  void close();

  // http_reading.cpp
  void read_unread();
  void read(std::string_view input);
  bool may_read() const;
  bool nothing_unread() const;
  void keep_unread(std::string_view input);
  void settle_after_reading();
  void take_head(std::string_view rest);
  void handle_request();
  void call_handler(request asked);
  void peer_left();
  void refuse(int status, std::string_view what);

  // http_answering.cpp
  void answer(outcome<response> handled);
  void answer_failure(const failure& why);
  void send(response sent);
  void send_body(response::body_variant body, std::string head);
  void write(std::string bytes);
  void begin_pulling(response::pulled_body body);
  void pull();
  void wait_for_piece(deferred<std::optional<std::string>> piece);
  void take_piece(outcome<std::optional<std::string>> piece);
  void write_piece(std::string piece);
  void break_off(std::string_view why);
  void begin_events(event_stream stream);
  bool send_events(std::string_view text) override;
  void end_events() override;
  void end_response();
  void let_go_of_events() noexcept;
  static void discard(response& unsent);

  std::shared_ptr<server::state> server_;
  transport* transport_ = nullptr;
  std::unique_ptr<incoming> incoming_;
  std::unique_ptr<handling> handling_;
  std::unique_ptr<outgoing> outgoing_;

  delayed_call timer_;
  time_point deadline_ = time_point::max();
  time_point stall_look_at_ = time_point::max();
  std::uint64_t written_bytes_ = 0;
  std::uint64_t sent_bytes_at_look_ = 0;

  phase phase_ = phase::reading;
  bool close_after_ = false;    // the response underway is the last one
  bool head_only_ = false;      // the request underway is a HEAD
  bool speaks_chunked_ = true;  // its client knows chunks
  bool peer_ended_ = false;
  bool reading_ = false;  // read() is on the stack
  bool input_paused_ = false;
};

}  // namespace whorl::web
