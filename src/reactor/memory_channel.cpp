#include "reactor/memory_channel.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <span>

namespace whorl {

namespace {

// How long a kernel sends again and again what nobody confirms (Linux with tcp_retries2 at 15).
constexpr duration sends_into_silence = std::chrono::seconds(924);

}  // namespace

std::pair<std::unique_ptr<memory_channel>, std::unique_ptr<memory_channel>> memory_channel::make_pair(
    memory_loop& loop, memory_loop& accepting, const address& to) {
  memory_network& network = loop.network();
  memory_host& from_host = loop.host();
  memory_host& to_host = accepting.host();
  const new_connection made = network.describe_connection(from_host, to_host);
  const auto own = [&](const link_faults& faults) {
    return network.has_connection_hook() ? std::optional(faults) : std::nullopt;
  };
  memory_wire::end first{.host = from_host,
                         .name = network.next_client_address(from_host, to),
                         .sent = memory_pipe(network.link(from_host, to_host), own(made.there))};
  memory_wire::end second{
      .host = to_host, .name = to, .sent = memory_pipe(network.link(to_host, from_host), own(made.back))};
  auto wire = std::make_shared<memory_wire>(made.number, std::array{std::move(first), std::move(second)});
  network.happened(to_host, "was connected to", made.number);
  return {std::make_unique<memory_channel>(loop, wire, 0), std::make_unique<memory_channel>(accepting, wire, 1)};
}

memory_channel::memory_channel(memory_loop& loop, std::shared_ptr<memory_wire> wire, std::size_t side) noexcept
    : memory_source(loop), wire_(std::move(wire)), side_(side) {
  here().channel = this;
}

memory_channel::~memory_channel() {
  if (!failed_) {
    // As TCP does: an end that closes with bytes unread, or wants to, resets the connection.
    if (reset_on_close_) {
      sent().clear();
    }
    close(reset_on_close_ || !incoming().all_received() ? ECONNRESET : 0);
  }
}

dice& memory_channel::random() const noexcept { return network().random(); }
time_point memory_channel::now() const noexcept { return network().now(); }

void memory_channel::close(int error_number) noexcept {
  here().channel = nullptr;
  here().reading = false;
  sent().end(error_number, now(), random());
  incoming().clear();
  network().happened(here().host, error_number == 0 ? "closed" : "reset", wire_->number);
  tell_peer();
}

// What its kernel had taken is still delivered; what had not been sent is gone.
void memory_channel::host_failed(peers_see what) noexcept {
  if (failed_) {
    return;
  }
  failed_ = true;
  events_ = nullptr;
  unsent_.clear();
  if (what == peers_see::resets) {
    close(ECONNRESET);
    return;
  }
  here().channel = nullptr;
  here().vanished = true;
}

void memory_channel::break_connection(int error_number) noexcept {
  network().happened(here().host, "broke", wire_->number);
  for (memory_wire::end& each : wire_->ends) {
    each.reading = false;
    each.vanished = false;
    each.sent.end(error_number, now(), random());
  }
  tell_peer();
}

void memory_channel::set_events(channel_events& events) noexcept {
  if (!failed_) {
    events_ = &events;
    reconsider();
  }
}

void memory_channel::start_receiving() noexcept {
  receiving_ = true;
  reconsider();
}

void memory_channel::write(bytes_view bytes) {
  if (writable()) {
    unsent_.append(bytes);
    reconsider();
  }
}

void memory_channel::write(std::string bytes) {
  if (writable()) {
    unsent_.append(std::move(bytes));
    reconsider();
  }
}

void memory_channel::shut_down_write() noexcept {
  shut_down_wanted_ = true;
  reconsider();
}

bool memory_channel::can_receive() const noexcept {
  return receiving_ && !receive_ended_ &&
         (incoming().arrived_bytes() != 0 || (incoming().end_arrived() && incoming().all_received()));
}

bool memory_channel::can_send() const noexcept {
  if (unsent_.empty()) {
    return shut_down_wanted_ && !sent().ended();
  }
  return sent().room() != 0 || peer_is_gone();
}

void memory_channel::reconsider() noexcept {
  if (events_ == nullptr) {
    return;
  }
  notice_silence();
  incoming().arrive(now());
  if (can_receive() || can_send() || can_tell_failure()) {
    become_candidate();
  } else if (const auto next = incoming().next_arrival()) {
    become_candidate_at(*next);
  }
}

bool memory_channel::unheard() const noexcept {
  return (there().vanished || sent().cut()) && !peer_is_gone() && !(unsent_.empty() && sent().all_received());
}

// A peer that vanished and is back knows nothing of the connection, and resets it when it hears of it.
void memory_channel::notice_silence() noexcept {
  if (!unheard()) {
    patience_.reset();
  } else if (there().vanished && !there().host.off && !sent().cut()) {
    break_connection(ECONNRESET);
  } else if (!patience_ || *patience_ > now()) {
    patience_ = patience_.value_or(due_after(now(), sends_into_silence));
    become_candidate_at(*patience_);
  } else {
    there().reading = false;
    incoming().fail(ETIMEDOUT);
  }
}

void memory_channel::tell_peer() const noexcept {
  if (memory_channel* peer = there().channel) {
    peer->reconsider();
  }
}

void memory_channel::step() noexcept {
  const memory_loop& told = loop();
  incoming().arrive(now());
  if (can_receive() && (!can_send() || random().choose(1) == 0)) {
    receive();
  } else if (can_send()) {
    send();
  } else if (can_tell_failure()) {
    send_failure_due_ = false;
    events_->send_failed(send_error_);
  }
  if (told.still_stepping(this)) {
    reconsider();
  }
}

void memory_channel::receive() noexcept {
  memory_pipe& from = incoming();
  if (from.arrived_bytes() == 0) {
    receive_ended_ = true;
    network().happened(here().host, from.end_error() == 0 ? "received the end" : "received a reset", wire_->number);
    events_->receive_ended(from.end_error());
    return;
  }
  auto& buffer = loop().receive_buffer;
  const bytes_view there_is = from.front();
  const std::size_t count = from.choose_piece(std::min(there_is.size(), buffer.size()), random());
  std::memcpy(buffer.data(), there_is.data(), count);
  from.receive(count);
  tell_peer();
  const bytes_view received = std::span(buffer).first(count);
  network().happened(here().host, "received", wire_->number, count);
  if (memory_trace* trace = network().trace()) {
    trace->mix(received);
  }
  events_->bytes_received(received);
}

void memory_channel::send() noexcept {
  if (peer_is_gone() && !unsent_.empty()) {
    unsent_.clear();
    send_error_ = incoming().end_error() == 0 ? EPIPE : incoming().end_error();
    send_failure_due_ = true;
    return;
  }
  const std::size_t moved = send_piece();
  if (shut_down_wanted_ && unsent_.empty()) {
    sent().end(0, now(), random());
  }
  tell_peer();
  if (moved != 0) {
    events_->bytes_sent();
  }
}

// How much left the channel, also where the network lost it.
std::size_t memory_channel::send_piece() noexcept {
  memory_pipe& out = sent();
  if (unsent_.empty()) {
    return 0;
  }
  if (out.ended()) {
    const std::size_t lost = unsent_.bytes();
    unsent_.clear();
    return lost;
  }
  const link_faults& faults = out.faults();
  const auto until = [&](const std::optional<std::uint64_t>& limit) {
    return limit ? *limit - std::min(*limit, out.sent_bytes()) : UINT64_MAX;
  };
  const std::uint64_t allowed = std::min(until(faults.reset_at_byte), until(faults.end_at_byte));
  const std::size_t moved = allowed == 0 ? 0 : copy_out(std::min<std::uint64_t>(allowed, out.room()));
  if (until(faults.reset_at_byte) == 0 || random().hit(faults.reset_chance)) {
    break_connection(ECONNRESET);
  } else if (until(faults.end_at_byte) == 0) {
    out.end(0, now(), random());
  }
  return moved;
}

std::size_t memory_channel::copy_out(std::size_t most) noexcept {
  std::array<iovec, 64> pieces{};
  const std::size_t count = unsent_.gather(pieces);
  const std::size_t left = sent().choose_piece(std::min(unsent_.bytes(), most), random());
  std::size_t moved = 0;
  for (const iovec& piece : std::span(pieces).first(count)) {
    const std::size_t taken = std::min(piece.iov_len, left - moved);
    sent().append(bytes_view(static_cast<const std::byte*>(piece.iov_base), taken));
    moved += taken;
  }
  unsent_.consume(moved);
  sent().send(now(), random());
  return moved;
}

}  // namespace whorl
