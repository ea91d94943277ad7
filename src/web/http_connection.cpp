#include "web/http_connection.h"

#include <whorl/deferred/log.h>

#include <algorithm>
#include <utility>

namespace whorl::web {

namespace {

constexpr std::string_view heartbeat_comment = ": still here\n\n";

}  // namespace

void http_connection::connection_made(transport& connection) {
  transport_ = &connection;
  server_->add(*this);
  set_deadline(server_->options.head_time);
}

void http_connection::connection_lost(const failure& /*reason*/) {
  timer_.cancel();
  phase_ = phase::closing;
  let_go_of_events();
  outgoing_.reset();
  if (handling_) {
    if (!peer_ended_) ++server_->statistics.peers_left;
    server_->leave_behind(std::move(handling_));
  }
  server_->remove(*this);
}

void http_connection::read_connection_lost() {
  peer_ended_ = true;
  if (phase_ == phase::handling && nothing_unread()) {
    peer_left();
  } else if (phase_ == phase::sending && outgoing_->events != nullptr) {
    outgoing_->events->close();
  } else if (phase_ == phase::reading && nothing_unread()) {
    close();
  }
}

void http_connection::finish_soon() {
  if (phase_ == phase::reading && !incoming_) {
    close();
  } else if (phase_ == phase::sending && outgoing_->events != nullptr) {
    close_after_ = true;
    outgoing_->events->close();
  } else {
    close_after_ = true;
  }
}

void http_connection::abort() {
  phase_ = phase::closing;
  let_go_of_events();
  transport_->abort_connection();
}

void http_connection::let_go_of_events() noexcept {
  if (outgoing_ && outgoing_->events != nullptr) {
    std::exchange(outgoing_->events, nullptr)->detach();
  }
}

void http_connection::close() {
  if (phase_ == phase::closing) return;
  phase_ = phase::closing;
  timer_.cancel();
  transport_->lose_connection(server_->options.write_stall_time);
}

bool http_connection::below_high_water() const { return transport_->unsent_bytes() < water_marks().high_bytes; }

void http_connection::set_deadline(duration from_now) {
  deadline_ = server_->loop.now() + from_now;
  wake_timer_at(deadline_);
}

void http_connection::wake_timer_at(time_point when) {
  if (when == time_point::max() || (timer_.active() && timer_.due() <= when)) return;
  timer_ = server_->loop.call_later(when - server_->loop.now(), [this] { timer_rang(); });
}

// Mostly it rings for a limit that was moved meanwhile: moving one costs a store, not a timer.
void http_connection::timer_rang() {
  const time_point now = server_->loop.now();
  look_for_stall(now);
  if (phase_ != phase::closing && deadline_ <= now) {
    deadline_ = time_point::max();
    deadline_passed();
  }
  if (phase_ != phase::closing) {
    timer_ = delayed_call();
    wake_timer_at(std::min(deadline_, stall_look_at_));
  }
}

void http_connection::look_for_stall(time_point now) {
  if (stall_look_at_ > now) return;
  const std::size_t unsent = transport_->unsent_bytes();
  const std::uint64_t sent = written_bytes_ - unsent;
  if (unsent == 0) {
    stall_look_at_ = time_point::max();
  } else if (sent == sent_bytes_at_look_) {
    log(log_level::info, "a client takes nothing of its response and is dropped",
        {{"peer", transport_->peer_address().to_string()}, {"unsent_bytes", std::to_string(unsent)}});
    abort();
  } else {
    sent_bytes_at_look_ = sent;
    stall_look_at_ = now + server_->options.write_stall_time;
  }
}

void http_connection::deadline_passed() {
  const server_options& options = server_->options;
  if (phase_ == phase::sending && outgoing_->events != nullptr) {
    if (send_events(heartbeat_comment)) wake_timer_at(deadline_);
  } else if (phase_ != phase::reading) {
    return;
  } else if (!incoming_) {
    close();
  } else if (!incoming_->head_done) {
    refuse(408, "the head of the request did not arrive in time");
  } else if (incoming_->body.size() < incoming_->window_begin_bytes + options.body_window_bytes) {
    refuse(408, "the body of the request arrives too slowly");
  } else {
    incoming_->window_begin_bytes = incoming_->body.size();
    set_deadline(options.body_window);
  }
}

}  // namespace whorl::web
