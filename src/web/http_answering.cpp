// How a connection sends responses: whole, pulled in pieces, or as a stream of events.

#include <whorl/deferred/log.h>
#include <whorl/protocols/http1_writer.h>

#include <utility>
#include <variant>

#include "web/http_connection.h"

namespace whorl::web {

namespace {

constexpr std::size_t most_copied_bytes = 16 * 1024;

void require_no_framing(const http::headers& headers) {
  for (const std::string_view name : {"Content-Length", "Transfer-Encoding", "Connection", "Date"}) {
    if (headers.contains(name)) {
      throw misuse("web::server: a response sets " + std::string(name) + ", which the server sets; leave it out");
    }
  }
}

// Nothing for a body that is chunked.
std::optional<std::uint64_t> length_of(const response::body_variant& body) {
  if (const auto* whole = std::get_if<std::string>(&body)) return whole->size();
  if (const auto* lasting = std::get_if<std::string_view>(&body)) return lasting->size();
  if (const auto* pulled = std::get_if<response::pulled_body>(&body)) return pulled->content_length;
  return std::nullopt;
}

}  // namespace

void http_connection::answer(outcome<response> handled) {
  if (phase_ == phase::closing) {
    if (handled) discard(*handled);
    return;
  }
  if (!handled) {
    if (peer_ended_) {  // most likely the failure is its own cancellation
      close();
      return;
    }
    answer_failure(handled.error());
    return;
  }
  try {
    send(std::move(*handled));
  } catch (...) {
    answer_failure(failure::current());
  }
}

void http_connection::answer_failure(const failure& why) {
  ++server_->statistics.handlers_failed;
  log(log_level::error, "a handler failed; its client gets 500", {{"failure", why.describe()}});
  send(response::json_error(500, "the server failed to handle this request", "", "its log says why"));
}

void http_connection::send(response sent) {
  http::headers headers = std::move(sent.headers());
  require_no_framing(headers);
  const bool has_body = http::may_have_body(sent.status());
  const auto length = length_of(sent.body());
  const bool chunked = has_body && !length && speaks_chunked_;
  close_after_ = close_after_ || server_->stopping || (has_body && !length && !speaks_chunked_);
  if (has_body && length) {
    headers.add("Content-Length", std::to_string(*length));
  } else if (chunked) {
    headers.add("Transfer-Encoding", "chunked");
  }
  if (close_after_) {
    headers.add("Connection", "close");
  } else if (!speaks_chunked_) {
    headers.add("Connection", "keep-alive");
  }
  std::string head;
  head.reserve(256);
  http::append_response_head(head, sent.status(), headers);
  if (has_body && !head_only_) {
    send_body(std::move(sent.body()), std::move(head));
  } else {
    discard(sent);
    write(std::move(head));
    end_response();
  }
}

// A small body goes into the head's string, so that the response is one piece; a large one is not copied.
void http_connection::send_body(response::body_variant body, std::string head) {
  if (auto* whole = std::get_if<std::string>(&body)) {
    if (whole->size() <= most_copied_bytes) {
      write(std::move(head.append(*whole)));
    } else {
      write(std::move(head));
      write(std::move(*whole));
    }
    end_response();
  } else if (const auto* lasting = std::get_if<std::string_view>(&body)) {
    write(std::move(head.append(*lasting)));
    end_response();
  } else if (auto* pulled = std::get_if<response::pulled_body>(&body)) {
    write(std::move(head));
    begin_pulling(std::move(*pulled));
  } else {
    write(std::move(head));
    begin_events(std::move(std::get<event_stream>(body)));
  }
}

void http_connection::write(std::string bytes) {
  if (stall_look_at_ == time_point::max()) {
    sent_bytes_at_look_ = written_bytes_ - transport_->unsent_bytes();
    stall_look_at_ = server_->loop.now() + server_->options.write_stall_time;
    wake_timer_at(stall_look_at_);
  }
  written_bytes_ += bytes.size();
  transport_->write(std::move(bytes));
}

void http_connection::writing_resumed() {
  if (phase_ == phase::sending) {
    pull();
  } else {
    read_unread();
  }
}

void http_connection::begin_pulling(response::pulled_body body) {
  phase_ = phase::sending;
  outgoing_ = std::make_unique<outgoing>();
  outgoing_->next_piece = std::move(body.next_piece);
  outgoing_->missing_bytes = body.content_length;
  pull();
}

// Asks for pieces while they come at once and the transport takes them.
void http_connection::pull() {
  while (phase_ == phase::sending && outgoing_->next_piece && !outgoing_->piece && below_high_water()) {
    try {
      deferred<std::optional<std::string>> piece = outgoing_->next_piece();
      if (piece.ready()) {
        take_piece(std::move(piece).take());
      } else {
        wait_for_piece(std::move(piece));
      }
    } catch (...) {
      take_piece(std::unexpected(failure::current()));
    }
  }
}

void http_connection::wait_for_piece(deferred<std::optional<std::string>> piece) {
  outgoing_->piece = std::move(piece).add_both([this](outcome<std::optional<std::string>> came) {
    const auto done = std::exchange(outgoing_->piece, std::nullopt);  // its last step is this one
    take_piece(std::move(came));
    pull();
  });
}

// The peer must not take a part for the whole: a body that breaks off ends in an abort.
void http_connection::take_piece(outcome<std::optional<std::string>> piece) {
  if (!piece) {
    return break_off(piece.error().describe());
  }
  std::optional<std::uint64_t>& missing = outgoing_->missing_bytes;
  if (!*piece) {
    if (missing.value_or(0) != 0) {
      return break_off("its source ended " + std::to_string(*missing) + " bytes before the length it had promised");
    }
    if (!missing && speaks_chunked_) write(std::string(http::last_chunk));
    return end_response();
  }
  if (missing && (*piece)->size() > *missing) {
    return break_off("its source gave more bytes than it had promised");
  }
  if (missing) *missing -= (*piece)->size();
  write_piece(std::move(**piece));
}

void http_connection::write_piece(std::string piece) {
  if (outgoing_->missing_bytes || !speaks_chunked_) {
    write(std::move(piece));
    return;
  }
  std::string chunk;
  chunk.reserve(piece.size() + 20);
  http::append_chunk(chunk, piece);
  write(std::move(chunk));
}

void http_connection::break_off(std::string_view why) {
  log(log_level::error, "the body of a response breaks off; its connection is aborted",
      {{"peer", transport_->peer_address().to_string()}, {"why", std::string(why)}});
  abort();
}

void http_connection::begin_events(event_stream stream) {
  phase_ = phase::sending;
  outgoing_ = std::make_unique<outgoing>();
  outgoing_->events = stream.state_.get();
  set_deadline(server_->options.heartbeat);
  stream.state_->attach(*this);
  if (outgoing_ && (peer_ended_ || server_->stopping)) stream.close();
}

bool http_connection::send_events(std::string_view text) {
  if (transport_->unsent_bytes() > server_->options.event_backlog_bytes) {
    log(log_level::info, "a subscriber does not read its events and is dropped",
        {{"peer", transport_->peer_address().to_string()}});
    abort();
    return false;
  }
  write_piece(std::string(text));
  deadline_ = server_->loop.now() + server_->options.heartbeat;
  return true;
}

void http_connection::end_events() {
  if (speaks_chunked_) write(std::string(http::last_chunk));
  end_response();
}

void http_connection::discard(response& unsent) {
  if (auto* stream = std::get_if<event_stream>(&unsent.body())) stream->state_->detach();
}

void http_connection::end_response() {
  outgoing_.reset();
  if (close_after_) {
    close();
    return;
  }
  phase_ = phase::reading;
  deadline_ = time_point::max();
  if (!reading_) read_unread();
}

}  // namespace whorl::web
