#include <whorl/deferred/frame_pool.h>
#include <whorl/deferred/platform.h>

#include <array>
#include <cstdint>
#include <new>

namespace whorl::detail {

namespace {

constexpr std::size_t granule = 64;
constexpr std::size_t classes = 32;
constexpr std::size_t kept_bytes_per_class = std::size_t{1} << 20;

struct free_frame {
  free_frame* next;
};

// Trivially destructible, so that frames freed while a thread ends still find it.
struct free_lists {
  std::array<free_frame*, classes> first;
  std::array<std::uint32_t, classes> count;
  bool thread_ended;
};

thread_local constinit free_lists lists{};

// Gives everything back when the thread ends.
struct lists_owner {
  lists_owner() = default;
  lists_owner(const lists_owner&) = delete;
  lists_owner& operator=(const lists_owner&) = delete;
  ~lists_owner() {
    lists.thread_ended = true;
    for (std::size_t size_class = 0; size_class < classes; ++size_class) {
      while (free_frame* frame = lists.first[size_class]) {
        lists.first[size_class] = frame->next;
        ::operator delete(frame);
      }
    }
  }
};

constexpr std::size_t class_of(std::size_t bytes) { return (bytes - 1) / granule; }

}  // namespace

void* take_frame(std::size_t bytes) {
  const std::size_t size_class = class_of(bytes);
  if (WHORL_SANITIZED || size_class >= classes) {
    return ::operator new(bytes);
  }
  if (free_frame* frame = lists.first[size_class]) {
    lists.first[size_class] = frame->next;
    --lists.count[size_class];
    return frame;
  }
  return ::operator new((size_class + 1) * granule);
}

void give_frame(void* frame, std::size_t bytes) noexcept {
  const std::size_t size_class = class_of(bytes);
  if (WHORL_SANITIZED || size_class >= classes || lists.thread_ended ||
      lists.count[size_class] * (size_class + 1) * granule >= kept_bytes_per_class) {
    ::operator delete(frame);
    return;
  }
  if (lists.count[size_class] == 0) {
    static thread_local lists_owner owner;
    static_cast<void>(owner);
  }
  lists.first[size_class] = ::new (frame) free_frame{lists.first[size_class]};
  ++lists.count[size_class];
}

}  // namespace whorl::detail
