#include "net/stream_transport.h"

#include <whorl/deferred/log.h>
#include <whorl/reactor/reactor.h>

#include <fmt/format.h>

#include <system_error>
#include <utility>

namespace whorl {

namespace {

// How long what the peer sent before a failing write may still be read: it is all in the kernel already.
constexpr duration reading_after_failed_write = std::chrono::seconds(1);

void log_exception(const failure& why) noexcept {
  log(log_level::error, "an event of a protocol threw; its connection ends", {{"failure", why.describe()}});
}

}  // namespace

outcome<protocol*> stream_transport::open(reactor& loop, std::unique_ptr<channel> stream,
                                          std::unique_ptr<protocol> peer) {
  stream_transport& opened = *loop.adopt(std::make_unique<stream_transport>(loop, std::move(stream), std::move(peer)));
  protocol& made = *opened.protocol_;
  if (!opened.guarded([&] { made.connection_made(opened); })) {
    return std::unexpected(*opened.reason_);
  }
  opened.receive_as_wanted();
  return &made;
}

stream_transport::stream_transport(reactor& loop, std::unique_ptr<channel> stream,
                                   std::unique_ptr<protocol> peer) noexcept
    : loop_(loop), channel_(std::move(stream)), protocol_(std::move(peer)) {
  protocol_->transport_ = this;
  channel_->set_events(*this);
}

// The one place that tells connection_lost: the loop comes here after whatever brought the loss about (S89).
stream_transport::~stream_transport() {
  if (phase_ != phase::lost) {
    loop_stopping();
  }
  const protocol& told = *protocol_;
  callback_scope::is_of(typeid(told));
  try {
    protocol_->connection_lost(*reason_);
  } catch (...) {
    log_exception(failure::current());
  }
}

void stream_transport::write(bytes_view bytes) {
  loop_.require_this_thread("transport::write");
  queue(bytes);
}

void stream_transport::write(std::string bytes) {
  loop_.require_this_thread("transport::write");
  queue(std::move(bytes));
}

template <class Bytes>
void stream_transport::queue(Bytes bytes) {
  if (phase_ != phase::open || writing_ended_) {
    log(log_level::debug, "bytes written to a connection that was lost or ended are dropped");
    return;
  }
  channel_->write(std::move(bytes));
  if (!above_mark_ && channel_->unsent_bytes() >= marks_.high_bytes) {
    above_mark_ = true;
    tell_later();
  }
}

std::size_t stream_transport::unsent_bytes() const {
  loop_.require_this_thread("transport::unsent_bytes");
  return channel_ ? channel_->unsent_bytes() : 0;
}

void stream_transport::set_water_marks(water_marks marks) {
  loop_.require_this_thread("transport::set_water_marks");
  if (marks.low_bytes >= marks.high_bytes) {
    throw misuse(
        fmt::format("set_water_marks with low {} and high {}: writing could never go on; make low_bytes less "
                    "than high_bytes",
                    marks.low_bytes, marks.high_bytes));
  }
  marks_ = marks;
  if (phase_ == phase::open) {
    above_mark_ = above_mark_ || channel_->unsent_bytes() >= marks_.high_bytes;
    tell_later();
  }
}

void stream_transport::lose_connection(duration linger) {
  loop_.require_this_thread("transport::lose_connection");
  if (phase_ != phase::open) return;
  if (reason_) return end(*reason_);
  phase_ = phase::losing;
  linger_ = linger;
  channel_->shut_down_write();
  receive_as_wanted();
  timer_ = loop_.call_later(linger_, [this] { linger_passed(); });
  end_if_both_sides_did();
}

void stream_transport::lose_write_connection() {
  loop_.require_this_thread("transport::lose_write_connection");
  if (phase_ != phase::open || writing_ended_) return;
  writing_ended_ = true;
  write_end_untold_ = true;
  channel_->shut_down_write();
  tell_later();
}

void stream_transport::abort_connection() {
  loop_.require_this_thread("transport::abort_connection");
  if (phase_ == phase::lost) return;
  channel_->reset_on_close();
  end(errc::connection_aborted);
}

void stream_transport::pause_producing() {
  loop_.require_this_thread("transport::pause_producing");
  paused_ = true;
  receive_as_wanted();
}

void stream_transport::resume_producing() {
  loop_.require_this_thread("transport::resume_producing");
  paused_ = false;
  receive_as_wanted();
}

address stream_transport::local_address() const {
  loop_.require_this_thread("transport::local_address");
  return channel_ ? channel_->local_address() : address();
}

address stream_transport::peer_address() const {
  loop_.require_this_thread("transport::peer_address");
  return channel_ ? channel_->peer_address() : address();
}

void stream_transport::bytes_received(bytes_view bytes) noexcept {
  if (phase_ == phase::open) {
    guarded([&] { protocol_->data_received(bytes); });
  }
}

void stream_transport::receive_ended(int error_number) noexcept {
  peer_ended_ = true;
  if (error_number != 0) return end(lost_to(error_number));
  if (reason_) return end(*reason_);
  if (phase_ == phase::open) {
    guarded([&] { protocol_->read_connection_lost(); });
  }
  end_if_both_sides_did();
}

void stream_transport::bytes_sent() noexcept {
  if (phase_ == phase::open) return tell();
  timer_.reset(linger_);
  end_if_both_sides_did();
}

// What the peer sent before it went is still delivered (S90), unless nobody reads (S91).
void stream_transport::send_failed(int error_number) noexcept {
  reason_ = lost_to(error_number);
  if (phase_ == phase::losing || !receiving_ || peer_ended_) return end(*reason_);
  writing_ended_ = true;
  timer_ = loop_.call_later(reading_after_failed_write, [this] { end(*reason_); });
}

template <class Event>
bool stream_transport::guarded(Event event) noexcept {
  const protocol& told = *protocol_;
  callback_scope::is_of(typeid(told));
  try {
    event();
    return true;
  } catch (...) {
    failure why = failure::current();
    log_exception(why);
    if (phase_ != phase::lost) {
      channel_->reset_on_close();
      end(std::move(why));
    }
    return false;
  }
}

void stream_transport::tell_later() {
  if (phase_ == phase::open && !reason_) {
    timer_ = loop_.call_later(duration::zero(), [this] { tell(); });
  }
}

void stream_transport::tell() noexcept {
  const auto in_open_phase = [this] { return phase_ == phase::open; };
  if (in_open_phase() && above_mark_ && !pause_told_) {
    pause_told_ = true;
    guarded([&] { protocol_->writing_paused(); });
  }
  if (in_open_phase() && pause_told_ && channel_->unsent_bytes() <= marks_.low_bytes) {
    above_mark_ = pause_told_ = false;
    guarded([&] { protocol_->writing_resumed(); });
  }
  if (in_open_phase() && write_end_untold_ && channel_->unsent_bytes() == 0) {
    write_end_untold_ = false;
    guarded([&] { protocol_->write_connection_lost(); });
  }
  end_if_both_sides_did();
}

// While the connection is being lost, bytes are received in order to be thrown away.
void stream_transport::receive_as_wanted() noexcept {
  const bool wanted = phase_ == phase::losing || (phase_ == phase::open && !paused_);
  if (phase_ == phase::lost || peer_ended_ || wanted == receiving_) return;
  receiving_ = wanted;
  if (wanted) {
    channel_->start_receiving();
  } else {
    channel_->stop_receiving();
  }
}

void stream_transport::end_if_both_sides_did() noexcept {
  const bool this_side_ends = phase_ == phase::losing || (phase_ == phase::open && writing_ended_ && !reason_);
  if (this_side_ends && peer_ended_ && channel_->unsent_bytes() == 0) {
    end(errc::connection_done);
  }
}

void stream_transport::linger_passed() noexcept {
  if (channel_->unsent_bytes() == 0) return end(errc::connection_done);
  channel_->reset_on_close();
  end(error(
      errc::connection_aborted,
      fmt::format("the connection {} was aborted: after lose_connection the peer took nothing of the last {} bytes "
                  "for {} s",
                  ends(), channel_->unsent_bytes(), std::chrono::duration<double>(linger_).count())));
}

// Also called inside the channel's own events; the channel allows that.
void stream_transport::end(failure why) noexcept {
  phase_ = phase::lost;
  reason_ = std::move(why);
  channel_.reset();
  timer_.cancel();
  loop_.dispose(*this);
}

void stream_transport::loop_stopping() noexcept {
  if (phase_ != phase::lost) {
    end(error(errc::connection_lost, "the connection was lost: its loop has stopped"));
  }
}

failure stream_transport::lost_to(int error_number) const {
  return error(errc::connection_lost,
               fmt::format("the connection {} was lost: {}", ends(), std::system_category().message(error_number)));
}

// A kernel that has seen a reset forgets the peer's address at once.
std::string stream_transport::ends() const {
  const address peer = channel_->peer_address();
  return peer == address() ? "from " + channel_->local_address().to_string() : "with " + peer.to_string();
}

}  // namespace whorl
