// How a connection reads requests and has them handled.

#include <whorl/deferred/log.h>

#include <algorithm>
#include <utility>

#include "web/http_connection.h"

namespace whorl::web {

namespace {

constexpr std::size_t most_reserved_bytes = 64 * 1024;  // for a body that is announced but not there

response not_routed(const request& asked, const std::string& allowed) {
  if (allowed.empty()) {
    return response::json_error(404, "there is nothing at " + std::string(asked.path()), "path");
  }
  return response::json_error(405, std::string(asked.method()) + " cannot be done to " + std::string(asked.path()),
                              "method", "use " + allowed)
      .with_header("Allow", allowed);
}

}  // namespace

bool http_connection::may_read() const { return phase_ == phase::reading && below_high_water(); }

bool http_connection::nothing_unread() const { return !incoming_ || incoming_->unread.empty(); }

void http_connection::data_received(bytes_view bytes) {
  if (phase_ == phase::closing) return;
  const std::string_view input(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (!incoming_) incoming_ = std::make_unique<incoming>(server_->options.limits);
  if (may_read() && nothing_unread()) {
    read(input);
  } else {
    keep_unread(input);
  }
}

void http_connection::keep_unread(std::string_view input) {
  incoming_->unread.append(input);
  if (incoming_->unread.size() > server_->options.pipelined_bytes && !input_paused_) {
    input_paused_ = true;
    transport_->pause_producing();
  }
}

// Goes on with what was sent ahead, after a response.
void http_connection::read_unread() {
  if (!may_read()) return;
  if (incoming_) {
    const std::string ahead = std::exchange(incoming_->unread, {});
    read(ahead);
  } else {
    settle_after_reading();
  }
  if (input_paused_ && phase_ != phase::closing && nothing_unread()) {
    input_paused_ = false;
    transport_->resume_producing();
  }
}

// Takes requests off the input for as long as their handlers answer at once.
void http_connection::read(std::string_view input) {
  reading_ = true;
  http::parsed event = http::parsed::head;
  while (may_read() && event != http::parsed::needs_more) {
    event = incoming_->parser.advance(input);
    if (event == http::parsed::head) {
      take_head(input);
    } else if (event == http::parsed::body) {
      incoming_->body.append(incoming_->parser.body());
    } else if (event == http::parsed::end) {
      handle_request();
    } else if (event == http::parsed::refused) {
      refuse(incoming_->parser.refused().status, incoming_->parser.refused().what);
    }
  }
  reading_ = false;
  if (!input.empty() && phase_ != phase::closing) keep_unread(input);
  settle_after_reading();
}

// Sets the limit for what is awaited now, and gives back what is not needed.
void http_connection::settle_after_reading() {
  const bool between = nothing_unread() && (!incoming_ || incoming_->arriving() == incoming::part::none);
  if (phase_ == phase::closing || between) incoming_.reset();
  if (phase_ != phase::reading) return;
  if (between) {
    set_deadline(server_->options.idle_time);
    if (peer_ended_) close();
  } else if (incoming_->limited != incoming_->arriving()) {
    incoming_->limited = incoming_->arriving();
    set_deadline(incoming_->head_done ? server_->options.body_window : server_->options.head_time);
  }
}

void http_connection::take_head(std::string_view rest) {
  incoming_->head = std::move(incoming_->parser.head());
  incoming_->head_done = true;
  incoming_->window_begin_bytes = 0;
  incoming_->body.reserve(std::min<std::uint64_t>(incoming_->head.content_length.value_or(0), most_reserved_bytes));
  close_after_ = close_after_ || !incoming_->head.keep_alive;
  head_only_ = incoming_->head.method == "HEAD";
  speaks_chunked_ = incoming_->head.minor_version > 0;
  if (incoming_->head.expects_continue && rest.empty()) {
    write("HTTP/1.1 100 Continue\r\n\r\n");
  }
}

void http_connection::handle_request() {
  ++server_->statistics.requests;
  phase_ = phase::handling;
  deadline_ = time_point::max();
  incoming_->head_done = false;
  incoming_->limited = incoming::part::none;
  auto asked =
      request::from(std::move(incoming_->head), std::exchange(incoming_->body, {}), transport_->peer_address());
  if (!asked) {
    answer(response::json_error(400, asked.error().what(), "target"));
    return;
  }
  try {
    for (server::gate& gate : server_->gates) {
      if (std::optional<response> refusal = gate(*asked)) {
        answer(std::move(*refusal));
        return;
      }
    }
    call_handler(std::move(*asked));
  } catch (...) {
    answer(std::unexpected(failure::current()));
  }
}

void http_connection::call_handler(request asked) {
  auto found = server_->routes.find(asked.method(), asked.path());
  if (!found) {
    answer(response::json_error(400, found.error().what(), "path"));
    return;
  }
  if (found->handle == nullptr) {
    answer(not_routed(asked, found->allowed));
    return;
  }
  asked.set_parameters(std::move(found->parameters));
  deferred<response> answered = (*found->handle)(std::move(asked));
  if (answered.ready()) {
    answer(std::move(answered).take());
    return;
  }
  handling_ = std::make_unique<handling>(*this, server_);
  handling_->work = std::move(answered).add_both(
      [underway = handling_.get()](outcome<response> result) { underway->finished(std::move(result)); });
}

// The handler has finished in its own time; this destroys its work, whose last step is still on the stack.
void handling::finished(outcome<response> answer) {
  if (connection == nullptr) {
    log(log_level::debug, "a handler finished after its peer had left");
    if (answer) http_connection::discard(*answer);
    server->forget(*this);
    return;
  }
  const std::unique_ptr<handling> done = std::move(connection->handling_);
  connection->answer(std::move(answer));
}

void handling::cancel() {
  work.cancel(error(errc::connection_lost, "the peer has left while its request was handled"));
}

// It may still read what we send, so the handler's answer is sent if it gives one.
void http_connection::peer_left() {
  ++server_->statistics.peers_left;
  close_after_ = true;
  handling_->cancel();
}

void http_connection::refuse(int status, std::string_view what) {
  ++server_->statistics.requests_refused;
  log(log_level::debug, "a request is refused",
      {{"peer", transport_->peer_address().to_string()},
       {"status", std::to_string(status)},
       {"why", std::string(what)}});
  close_after_ = true;
  head_only_ = false;
  send(response::json_error(status, what, "request"));
}

}  // namespace whorl::web
