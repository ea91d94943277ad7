// A send_queue holds what was written to a channel until the kernel has taken it.
//
// Small writes are copied side by side into chunks, so that a turn's writes leave in one piece; a big string is taken
// over as it is.
//
// Thread:   the loop's.
// Lifetime: bytes stay where they are until they are consumed, also when the queue is moved; a kernel may read them.
// Cost:     chunks come from free lists; nothing is held while the queue is empty.
#pragma once

#include <whorl/reactor/backend.h>

#include <sys/uio.h>

#include <cstddef>
#include <span>
#include <string>
#include <utility>

namespace whorl {

class send_queue {
 public:
  send_queue() noexcept = default;
  send_queue(send_queue&& other) noexcept
      : first_(std::exchange(other.first_, nullptr)),
        last_(std::exchange(other.last_, nullptr)),
        bytes_(std::exchange(other.bytes_, 0)) {}
  send_queue& operator=(send_queue&& other) noexcept {
    send_queue taken(std::move(other));
    std::swap(first_, taken.first_);
    std::swap(last_, taken.last_);
    std::swap(bytes_, taken.bytes_);
    return *this;
  }
  ~send_queue() { clear(); }

  void append(bytes_view bytes);
  void append(std::string text);

  std::size_t bytes() const noexcept { return bytes_; }
  bool empty() const noexcept { return bytes_ == 0; }

  // The oldest bytes, as up to pieces.size() pieces. Returns how many pieces it filled in.
  std::size_t gather(std::span<iovec> pieces) const noexcept;

  // Drops the oldest bytes: they are sent. `bytes` is at most bytes().
  void consume(std::size_t bytes) noexcept;
  void clear() noexcept { consume(bytes_); }

 private:
  struct chunk;
  struct copied_chunk;
  struct taken_chunk;

  void push(chunk& added) noexcept;
  void pop() noexcept;

  chunk* first_ = nullptr;
  chunk* last_ = nullptr;
  std::size_t bytes_ = 0;
};

}  // namespace whorl
