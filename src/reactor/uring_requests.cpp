#include "reactor/uring_requests.h"

#include <whorl/deferred/log.h>
#include <whorl/reactor/turn_record.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <utility>

namespace whorl {

namespace {

// Clients are aligned to more than this; the kind travels in the low bits of the address.
constexpr std::uint64_t kind_bits = 7;
static_assert(alignof(uring_client) > kind_bits);

std::uint64_t name_of(const uring_client& client, std::uint8_t which) noexcept {
  return reinterpret_cast<std::uint64_t>(&client) | which;
}

}  // namespace

uring_client::uring_client(uring_requests& requests) noexcept : requests_(requests) { ++requests_.clients_; }

uring_client::~uring_client() {
  --requests_.clients_;
  --requests_.abandoned_clients_;
}

void uring_client::abandon() noexcept {
  abandoned_ = true;
  ++requests_.abandoned_clients_;
  settle_later();
}

void uring_client::settle_later() noexcept { requests_.add_unsettled(*this); }

io_uring_sqe& uring_client::request(kind which, io_uring_op operation, int fd) noexcept {
  under_way_ |= static_cast<std::uint8_t>(1U << which);
  io_uring_sqe& entry = requests_.ring_.next_entry();
  entry.opcode = static_cast<std::uint8_t>(operation);
  entry.fd = fd;
  entry.user_data = name_of(*this, which);
  return entry;
}

void uring_client::cancel(kind which) noexcept {
  const auto bit = static_cast<std::uint8_t>(1U << which);
  if ((under_way_ & ~cancelled_ & bit) == 0) {
    return;
  }
  cancelled_ |= bit;
  io_uring_sqe& entry = requests_.ring_.next_entry();
  entry.opcode = IORING_OP_ASYNC_CANCEL;
  entry.fd = -1;
  entry.addr = name_of(*this, which);
}

uring_requests::uring_requests(uring ring, uring_buffers buffers) noexcept
    : ring_(std::move(ring)), buffers_(std::move(buffers)), messages_{} {}

uring_requests::~uring_requests() {
  if (abandoned_clients_ != clients_) {
    log(log_level::error, "a loop's back end was destroyed before the channels, listeners or watches made with it",
        {{"left", std::to_string(clients_ - abandoned_clients_)}});
    std::abort();
  }
  while (clients_ != 0) {
    hand_over();
    if (clients_ != 0 && !has_completions()) {
      wait({});
    }
    deliver();
  }
}

void uring_requests::hand_over() noexcept {
  while (first_unsettled_ != nullptr) {
    uring_client& client = *first_unsettled_;
    first_unsettled_ = std::exchange(client.next_unsettled_, nullptr);
    if (first_unsettled_ == nullptr) {
      last_unsettled_ = nullptr;
    }
    client.unsettled_ = false;
    settle(client);
  }
  if (ring_.has_unsubmitted()) {
    ring_.submit();
  }
  gathered_ = 0;
}

void uring_requests::settle(uring_client& client) noexcept {
  if (!client.abandoned_) {
    client.settle();
  } else if (client.under_way_ == 0) {
    delete &client;
  } else {
    for (uring_client::kind which = 0; which <= kind_bits; ++which) {
      client.cancel(which);
    }
  }
}

void uring_requests::deliver() noexcept {
  ring_.take_completions([this](const io_uring_cqe& completion) { complete(completion); });
}

void uring_requests::complete(const io_uring_cqe& completion) noexcept {
  auto* client = reinterpret_cast<uring_client*>(completion.user_data & ~kind_bits);
  if (client == nullptr) {
    return;  // of a request to cancel, whose effect is the completion of what it cancelled
  }
  const auto which = static_cast<uring_client::kind>(completion.user_data & kind_bits);
  if ((completion.flags & IORING_CQE_F_MORE) == 0) {
    const auto others = static_cast<std::uint8_t>(~(1U << which));
    client->under_way_ &= others;
    client->cancelled_ &= others;
    add_unsettled(*client);
  }
  const callback_scope scope("an event", {}, &typeid(*client));
  client->completed(which, completion.res, completion.flags);
}

void uring_requests::add_unsettled(uring_client& client) noexcept {
  if (std::exchange(client.unsettled_, true)) {
    return;
  }
  (last_unsettled_ == nullptr ? first_unsettled_ : last_unsettled_->next_unsettled_) = &client;
  last_unsettled_ = &client;
}

const msghdr& uring_requests::message_of(std::span<const iovec> pieces) noexcept {
  if (gathered_ == messages_.size()) {
    ring_.submit();
    gathered_ = 0;
  }
  gathered_message& message = messages_[gathered_++];
  std::ranges::copy(pieces, message.pieces.begin());
  message.header.msg_iov = message.pieces.data();
  message.header.msg_iovlen = pieces.size();
  return message.header;
}

}  // namespace whorl
