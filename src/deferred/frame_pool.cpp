#include <whorl/deferred/frame_pool.h>

namespace whorl::detail {

// Trivially destructible, so that frames freed while a thread ends still find it.
constinit thread_local std::array<free_list, frame_sizes> free_lists{};

namespace {

constexpr std::size_t kept_bytes_per_size = std::size_t{1} << 20;

enum class keeping : std::uint8_t { not_yet, now, no_more };
constinit thread_local keeping phase = keeping::not_yet;

// Makes room in the lists, and gives everything back when the thread ends.
struct lists_owner {
  lists_owner() {
    phase = keeping::now;
    for (std::size_t size = 0; size < frame_sizes; ++size) {
      free_lists[size].room = static_cast<std::uint32_t>(kept_bytes_per_size / ((size + 1) * frame_granule));
    }
  }
  lists_owner(const lists_owner&) = delete;
  lists_owner& operator=(const lists_owner&) = delete;
  ~lists_owner() {
    phase = keeping::no_more;
    for (free_list& list : free_lists) {
      list.room = 0;
      while (free_frame* frame = list.first) {
        list.first = frame->next;
        ::operator delete(frame);
      }
    }
  }
};

}  // namespace

void* allocate_frame(std::size_t bytes) {
  const std::size_t size = (bytes - 1) / frame_granule;
  return ::operator new(WHORL_SANITIZED || size >= frame_sizes ? bytes : (size + 1) * frame_granule);
}

void free_frame_without_room(void* frame, std::size_t bytes) noexcept {
  if (!WHORL_SANITIZED && phase == keeping::not_yet) {
    static thread_local lists_owner owner;
    static_cast<void>(owner);
    give_frame(frame, bytes);
  } else {
    ::operator delete(frame);
  }
}

}  // namespace whorl::detail
