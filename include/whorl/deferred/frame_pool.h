// Free lists by size, one set a thread: the memory of coroutine frames, promises and callbacks, which live briefly and
// come back in the same few sizes.
//
// Thread:   any; a block may be freed on another thread than the one that took it.
// Cost:     a few nanoseconds, no lock; a general-purpose allocation only when a list is empty.
//           Under a sanitizer every call is a general-purpose allocation, so that a use after free is seen.
#pragma once

#include <cstddef>

namespace whorl::detail {

[[nodiscard]] void* take_frame(std::size_t bytes);
void give_frame(void* frame, std::size_t bytes) noexcept;

// Gives a class hierarchy the free lists as its allocator.
struct framed {
  static void* operator new(std::size_t bytes) { return take_frame(bytes); }
  static void operator delete(void* frame, std::size_t bytes) noexcept { give_frame(frame, bytes); }
};

}  // namespace whorl::detail
