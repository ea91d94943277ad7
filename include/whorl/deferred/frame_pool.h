// Free lists by size, one set a thread: the memory of coroutine frames, promises and callbacks, which live briefly and
// come back in the same few sizes.
//
// Thread:   any; a block may be freed on another thread than the one that took it.
// Cost:     a few instructions in the caller, no lock; a general-purpose allocation only when a list is empty.
//           Under a sanitizer every call is a general-purpose allocation, so that a use after free is seen.
#pragma once

#include <whorl/deferred/platform.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <new>

namespace whorl::detail {

struct free_frame {
  free_frame* next;
};

// The frames of one size. There is no room before the thread has given its first frame, and none after the thread's end.
struct free_list {
  free_frame* first;
  std::uint32_t room;
};

inline constexpr std::size_t frame_granule = 64;
inline constexpr std::size_t frame_sizes = 32;

WHORL_FAST_THREAD_LOCAL extern constinit thread_local std::array<free_list, frame_sizes> free_lists;

void* allocate_frame(std::size_t bytes);
void free_frame_without_room(void* frame, std::size_t bytes) noexcept;

[[nodiscard]] inline void* take_frame(std::size_t bytes) {
  const std::size_t size = (bytes - 1) / frame_granule;
  if (!WHORL_SANITIZED && size < frame_sizes) {
    free_list& list = free_lists[size];
    if (free_frame* frame = list.first) {
      list.first = frame->next;
      ++list.room;
      return frame;
    }
  }
  return allocate_frame(bytes);
}

inline void give_frame(void* frame, std::size_t bytes) noexcept {
  const std::size_t size = (bytes - 1) / frame_granule;
  if (!WHORL_SANITIZED && size < frame_sizes) {
    free_list& list = free_lists[size];
    if (list.room > 0) {
      list.first = ::new (frame) free_frame{list.first};
      --list.room;
      return;
    }
  }
  free_frame_without_room(frame, bytes);
}

// Gives a class hierarchy the free lists as its allocator.
struct framed {
  static void* operator new(std::size_t bytes) { return take_frame(bytes); }
  static void operator delete(void* frame, std::size_t bytes) noexcept { give_frame(frame, bytes); }
};

}  // namespace whorl::detail
