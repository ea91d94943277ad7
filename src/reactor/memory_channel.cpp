#include "reactor/memory_channel.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <span>

namespace whorl {

std::pair<std::unique_ptr<memory_channel>, std::unique_ptr<memory_channel>> memory_channel::make_pair(
    memory_loop& loop, memory_loop& accepting, const address& from, const address& to) {
  auto wire = std::make_shared<memory_wire>();
  wire->ends[0].name = from;
  wire->ends[1].name = to;
  return {std::make_unique<memory_channel>(loop, wire, 0), std::make_unique<memory_channel>(accepting, wire, 1)};
}

memory_channel::memory_channel(memory_loop& loop, std::shared_ptr<memory_wire> wire, std::size_t side) noexcept
    : memory_source(loop), wire_(std::move(wire)), side_(side) {
  wire_->ends[side_].channel = this;
}

// As TCP does: an end that closes with bytes unread, or wants to, resets the connection.
memory_channel::~memory_channel() {
  wire_->ends[side_].channel = nullptr;
  if (reset_on_close_) {
    sent().bytes.clear();
  }
  sent().reset = reset_on_close_ || !incoming().bytes.empty();
  sent().ended = true;
  incoming().bytes.clear();
  incoming().reader_gone = true;
  tell_peer();
}

void memory_channel::set_events(channel_events& events) noexcept {
  events_ = &events;
  reconsider();
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
  return receiving_ && !receive_ended_ && (!incoming().bytes.empty() || incoming().ended);
}

bool memory_channel::can_send() const noexcept {
  if (unsent_.empty()) {
    return shut_down_wanted_ && !sent().ended;
  }
  return sent().room() != 0 || sent().reader_gone;
}

void memory_channel::reconsider() noexcept {
  if (events_ != nullptr && (can_receive() || can_send() || can_tell_failure())) {
    become_candidate();
  }
}

void memory_channel::tell_peer() const noexcept {
  if (memory_channel* peer = wire_->ends[1 - side_].channel) {
    peer->reconsider();
  }
}

void memory_channel::step() noexcept {
  const memory_loop& told = loop();
  if (can_receive() && (!can_send() || told.network().choose(1) == 0)) {
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
  if (from.bytes.empty()) {
    receive_ended_ = true;
    events_->receive_ended(from.reset ? ECONNRESET : 0);
    return;
  }
  std::array<iovec, 1> first{};
  from.bytes.gather(first);
  auto& buffer = loop().receive_buffer;
  const std::size_t count = loop().network().choose_chunk(std::min(first[0].iov_len, buffer.size()));
  std::memcpy(buffer.data(), first[0].iov_base, count);
  from.bytes.consume(count);
  tell_peer();
  events_->bytes_received(std::span(buffer).first(count));
}

void memory_channel::send() noexcept {
  if (sent().reader_gone && !unsent_.empty()) {
    unsent_.clear();
    send_error_ = incoming().reset ? ECONNRESET : EPIPE;
    send_failure_due_ = true;
    return;
  }
  const std::size_t moved = move_bytes();
  if (shut_down_wanted_ && unsent_.empty()) {
    sent().ended = true;
  }
  tell_peer();
  if (moved != 0) {
    events_->bytes_sent();
  }
}

std::size_t memory_channel::move_bytes() noexcept {
  std::array<iovec, 64> pieces{};
  const std::size_t count = unsent_.gather(pieces);
  std::size_t left = std::min(unsent_.bytes(), sent().room());
  left = left == 0 ? 0 : loop().network().choose_chunk(left);
  std::size_t moved = 0;
  for (const iovec& piece : std::span(pieces).first(count)) {
    const std::size_t taken = std::min(piece.iov_len, left - moved);
    sent().bytes.append(bytes_view(static_cast<const std::byte*>(piece.iov_base), taken));
    moved += taken;
  }
  unsent_.consume(moved);
  return moved;
}

}  // namespace whorl
