#include "reactor/send_queue.h"

#include <whorl/deferred/frame_pool.h>
#include <whorl/deferred/platform.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <new>

namespace whorl {

namespace {

// A string from this size on is worth a chunk of its own; below, a copy costs less than the further piece to send.
constexpr std::size_t least_taken_over = 4096;

// Chunk sizes. The first two come from the frame pool, so that many channels that write a little each share the
// processor's cache; the last has its own list, because memory given back and touched anew costs more than a send.
constexpr std::size_t small_block = 512;
constexpr std::size_t medium_block = 2048;
constexpr std::size_t large_block = 16384;
constexpr std::size_t kept_large_blocks = 64;

struct free_block {
  free_block* next;
};

class large_block_list {
 public:
  large_block_list() = default;
  large_block_list(const large_block_list&) = delete;
  large_block_list& operator=(const large_block_list&) = delete;
  ~large_block_list() {
    while (free_block* block = first_) {
      first_ = block->next;
      ::operator delete(block);
    }
  }

  void* take() {
    if (first_ == nullptr) {
      return ::operator new(large_block);
    }
    --kept_;
    return std::exchange(first_, first_->next);
  }

  void give(void* block) noexcept {
    if (WHORL_SANITIZED || kept_ == kept_large_blocks) {
      ::operator delete(block);
      return;
    }
    first_ = ::new (block) free_block{first_};
    ++kept_;
  }

 private:
  free_block* first_ = nullptr;
  std::size_t kept_ = 0;
};

large_block_list& large_blocks() {
  static thread_local large_block_list list;
  return list;
}

constexpr std::size_t block_for(std::size_t wanted) {
  return wanted <= small_block ? small_block : wanted <= medium_block ? medium_block : large_block;
}

void* take_block(std::size_t block) { return block == large_block ? large_blocks().take() : detail::take_frame(block); }

void give_block(void* memory, std::size_t block) noexcept {
  if (block == large_block) {
    large_blocks().give(memory);
  } else {
    detail::give_frame(memory, block);
  }
}

}  // namespace

struct send_queue::chunk {
  chunk* next = nullptr;
  const std::byte* unsent = nullptr;
  std::size_t unsent_bytes = 0;
  std::size_t block = 0;  // 0: a taken_chunk
};

struct send_queue::taken_chunk : chunk {
  explicit taken_chunk(std::string taken) noexcept : text(std::move(taken)) {
    unsent = reinterpret_cast<const std::byte*>(text.data());
    unsent_bytes = text.size();
  }
  std::string text;
};

// Its bytes follow it in its block.
struct send_queue::copied_chunk : chunk {
  static copied_chunk& make(std::size_t block_bytes) {
    auto* made = ::new (take_block(block_bytes)) copied_chunk;
    made->block = block_bytes;
    made->unsent = made->start();
    return *made;
  }

  std::byte* start() noexcept { return reinterpret_cast<std::byte*>(this + 1); }
  std::size_t room() const noexcept { return block - sizeof(copied_chunk) - filled; }

  std::size_t fill(bytes_view bytes) noexcept {
    const std::size_t taken = std::min(bytes.size(), room());
    std::memcpy(start() + filled, bytes.data(), taken);
    filled += taken;
    unsent_bytes += taken;
    return taken;
  }

  std::size_t filled = 0;
};

void send_queue::append(bytes_view bytes) {
  while (!bytes.empty()) {
    if (last_ == nullptr || last_->block == 0 || static_cast<copied_chunk*>(last_)->room() == 0) {
      push(copied_chunk::make(block_for(std::max(bytes_, bytes.size()) + sizeof(copied_chunk))));
    }
    const std::size_t taken = static_cast<copied_chunk*>(last_)->fill(bytes);
    bytes_ += taken;
    bytes = bytes.subspan(taken);
  }
}

void send_queue::append(std::string text) {
  if (text.size() < least_taken_over) {
    append(std::as_bytes(std::span(text)));
    return;
  }
  bytes_ += text.size();
  push(*new taken_chunk(std::move(text)));
}

std::size_t send_queue::gather(std::span<iovec> pieces) const noexcept {
  std::size_t filled = 0;
  for (const chunk* at = first_; at != nullptr && filled < pieces.size(); at = at->next) {
    pieces[filled++] = {.iov_base = const_cast<std::byte*>(at->unsent), .iov_len = at->unsent_bytes};
  }
  return filled;
}

void send_queue::consume(std::size_t bytes) noexcept {
  bytes_ -= bytes;
  while (first_ != nullptr && bytes >= first_->unsent_bytes) {
    bytes -= first_->unsent_bytes;
    pop();
  }
  if (bytes != 0) {
    first_->unsent += bytes;
    first_->unsent_bytes -= bytes;
  }
}

void send_queue::push(chunk& added) noexcept {
  (last_ == nullptr ? first_ : last_->next) = &added;
  last_ = &added;
}

void send_queue::pop() noexcept {
  chunk* gone = first_;
  first_ = gone->next;
  if (first_ == nullptr) {
    last_ = nullptr;
  }
  if (gone->block == 0) {
    delete static_cast<taken_chunk*>(gone);
  } else {
    give_block(gone, gone->block);
  }
}

}  // namespace whorl
