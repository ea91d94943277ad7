#include "reactor/uring_buffers.h"

#include <atomic>
#include <cerrno>
#include <cstddef>

namespace whorl {

namespace {

std::uint16_t buffer_of(unsigned flags) noexcept {
  return static_cast<std::uint16_t>(flags >> IORING_CQE_BUFFER_SHIFT);
}

io_uring_buf* entries_of(const mapping& ring) noexcept { return reinterpret_cast<io_uring_buf*>(ring.data()); }

}  // namespace

uring_buffers::shape uring_buffers::shape_for(buffer_use use) noexcept {
  return use == buffer_use::incremental ? shape{.count = 16, .bytes = 65536} : shape{.count = 256, .bytes = 4096};
}

uring_buffers::uring_buffers(shape of)
    : shape_(of), ring_(of.count * sizeof(io_uring_buf)), memory_(std::size_t{of.count} * of.bytes), taken_(of.count) {}

result<uring_buffers> uring_buffers::open(uring& ring) {
  result<uring_buffers> incremental = open(ring, buffer_use::incremental);
  return incremental ? std::move(incremental) : open(ring, buffer_use::whole);
}

result<uring_buffers> uring_buffers::open(uring& ring, buffer_use use) {
  uring_buffers made(shape_for(use));
  io_uring_buf_reg what{};
  what.ring_addr = reinterpret_cast<std::uint64_t>(made.ring_.data());
  what.ring_entries = made.shape_.count;
  what.bgid = group;
  what.pad = use == buffer_use::incremental ? uring_buffers_incremental : 0;  // `flags` in newer headers
  if (const int failed = ring.register_buffers(what); failed != 0) {
    return std::unexpected(error::system(failed, "register the receive buffers of io_uring"));
  }
  for (unsigned id = 0; id < made.shape_.count; ++id) {
    made.give(static_cast<std::uint16_t>(id));
  }
  return made;
}

bytes_view uring_buffers::received(unsigned flags, std::size_t bytes) const noexcept {
  const std::uint16_t id = buffer_of(flags);
  return {memory_.data() + std::size_t{id} * shape_.bytes + taken_[id], bytes};
}

void uring_buffers::release(unsigned flags, std::size_t bytes) noexcept {
  const std::uint16_t id = buffer_of(flags);
  if ((flags & uring_buffer_has_more) != 0) {
    taken_[id] += static_cast<std::uint32_t>(bytes);
  } else {
    give(id);
  }
}

// The ring's tail lies in the reserved part of its first entry.
void uring_buffers::give(std::uint16_t id) noexcept {
  taken_[id] = 0;
  io_uring_buf* entries = entries_of(ring_);
  io_uring_buf& entry = entries[tail_ & (shape_.count - 1)];
  entry.addr = reinterpret_cast<std::uint64_t>(memory_.data()) + std::uint64_t{id} * shape_.bytes;
  entry.len = shape_.bytes;
  entry.bid = id;
  std::atomic_ref(entries->resv).store(++tail_, std::memory_order_release);
}

}  // namespace whorl
