// The memory that the kernel receives into: one ring of buffers for all of a loop's connections, none of which holds
// any while it is idle.
//
// Where the kernel can (Linux 6.12), it takes from a buffer only as many bytes as it received, so that small messages
// lie side by side and a large one comes in one piece: few big buffers serve both. Older kernels use up one buffer a
// completion, however short; there it is many smaller ones.
//
// Thread: the loop's.
// Cost:   1 MiB a loop, what a core's second-level cache holds: the kernel fills the buffers in turns, so more would go
//         round through farther memory.
// Source: io_uring_register(2), IORING_REGISTER_PBUF_RING.
#pragma once

#include <whorl/deferred/error.h>
#include <whorl/reactor/backend.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "reactor/uring_ring.h"

namespace whorl {

enum class buffer_use : std::uint8_t { whole, incremental };

class uring_buffers {
 public:
  // What an entry that selects a buffer names as its buf_group.
  static constexpr std::uint16_t group = 0;

  // Buffers used incrementally if the kernel knows how, else whole.
  static result<uring_buffers> open(uring& ring);
  static result<uring_buffers> open(uring& ring, buffer_use use);

  // What a completion brought: `flags` are its flags and tell the buffer. To be asked once for each completion that has
  // IORING_CQE_F_BUFFER, in their order, and answered with release() before the next.
  bytes_view received(unsigned flags, std::size_t bytes) const noexcept;
  void release(unsigned flags, std::size_t bytes) noexcept;

 private:
  struct shape {
    unsigned count;
    std::uint32_t bytes;
  };
  static shape shape_for(buffer_use use) noexcept;
  explicit uring_buffers(shape of);

  void give(std::uint16_t id) noexcept;

  shape shape_;
  mapping ring_;
  mapping memory_;
  std::vector<std::uint32_t> taken_;  // bytes of each buffer that earlier completions brought
  std::uint16_t tail_ = 0;
};

}  // namespace whorl
