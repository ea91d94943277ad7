// The memory of a loop's timers: blocks of 64 to 256 bytes, cut from chunks of 64 KiB that each keep their own free
// blocks, so that what is taken after others were freed in any order lies together again. A chunk without a timer goes
// back, unless it is the last with room.
//
// Thread:   belongs to its loop's thread.
// Lifetime: blocks may be given back after it is gone.
// Cost:     a few instructions; memory never shares a cache line with another timer. Larger calls, and all calls under a
//           sanitizer, so that a use after free is seen, are general-purpose allocations.
#pragma once

#include <whorl/deferred/platform.h>

#include <array>
#include <cstddef>
#include <cstdint>

namespace whorl::detail {

class timer_memory {
 public:
  static constexpr std::size_t granule = 64;

  // How many granules a block takes that comes from a chunk; 0: it does not.
  static constexpr std::uint8_t granules(std::size_t bytes) noexcept {
    const std::size_t needed = (bytes + granule - 1) / granule;
    return WHORL_SANITIZED || needed > kinds ? 0 : static_cast<std::uint8_t>(needed);
  }

  timer_memory() = default;
  timer_memory(const timer_memory&) = delete;
  timer_memory& operator=(const timer_memory&) = delete;
  ~timer_memory();

  [[nodiscard]] void* take(std::size_t bytes);
  static void give(void* block, std::uint8_t granules) noexcept;

 private:
  static constexpr std::size_t kinds = 4;
  struct chunk;
  struct chunk_list {
    chunk* first = nullptr;
    void push(chunk& added) noexcept;
    void remove(chunk& gone) noexcept;
  };

  void* take_elsewhere(std::uint8_t granules);
  void add_chunk(std::uint8_t granules);
  static void settle(chunk& home) noexcept;

  std::array<chunk_list, kinds> with_room_;
  chunk_list full_;
};

}  // namespace whorl::detail
