#include <whorl/reactor/timer_memory.h>

#include <cstdlib>
#include <new>
#include <utility>

namespace whorl::detail {

namespace {

constexpr std::size_t chunk_bytes = std::size_t{64} << 10;

// The chunks' own data would all fall into the same few sets of a cache if they stood at the chunks' beginnings.
constexpr std::size_t colours = 32;
constexpr std::size_t colour_bytes = 128;
constexpr std::size_t first_block = colours * colour_bytes;

struct free_block {
  free_block* next;
};

}  // namespace

struct timer_memory::chunk {
  timer_memory* owner;  // null: it is gone
  free_block* free;
  chunk* previous;
  chunk* next;
  std::uint32_t untouched;  // offset of the first block that was never taken
  std::uint32_t taken;
  std::uint8_t granules;
  bool full;  // and stands in the list of such; seen when more was wanted of it

  static chunk& of(void* inside) noexcept {
    const auto begin = reinterpret_cast<std::uintptr_t>(inside) & ~(chunk_bytes - 1);
    return *reinterpret_cast<chunk*>(begin + begin / chunk_bytes % colours * colour_bytes);
  }
  std::byte* begin() noexcept {
    return reinterpret_cast<std::byte*>(reinterpret_cast<std::uintptr_t>(this) & ~(chunk_bytes - 1));
  }
};

void timer_memory::chunk_list::push(chunk& added) noexcept {
  added.previous = nullptr;
  added.next = std::exchange(first, &added);
  if (added.next != nullptr) {
    added.next->previous = &added;
  }
}

void timer_memory::chunk_list::remove(chunk& gone) noexcept {
  (gone.previous == nullptr ? first : gone.previous->next) = gone.next;
  if (gone.next != nullptr) {
    gone.next->previous = gone.previous;
  }
}

timer_memory::~timer_memory() {
  const auto leave = [](chunk_list& left) {
    while (chunk* each = left.first) {
      left.first = each->next;
      each->owner = nullptr;
      if (each->taken == 0) {
        std::free(each->begin());
      }
    }
  };
  for (chunk_list& each : with_room_) {
    leave(each);
  }
  leave(full_);
}

void timer_memory::add_chunk(std::uint8_t granules) {
  void* memory = std::aligned_alloc(chunk_bytes, chunk_bytes);
  if (memory == nullptr) {
    throw std::bad_alloc();
  }
  auto* made = ::new (&chunk::of(memory)) chunk{.owner = this,
                                                .free = nullptr,
                                                .previous = nullptr,
                                                .next = nullptr,
                                                .untouched = first_block,
                                                .taken = 0,
                                                .granules = granules,
                                                .full = false};
  with_room_[granules - 1U].push(*made);
}

void* timer_memory::take(std::size_t bytes) {
  const std::uint8_t wanted = granules(bytes);
  if (wanted == 0) {
    return ::operator new(bytes);
  }
  chunk* from = with_room_[wanted - 1U].first;
  if (from != nullptr && from->free != nullptr) {
    ++from->taken;
    return std::exchange(from->free, from->free->next);
  }
  return take_elsewhere(wanted);
}

void* timer_memory::take_elsewhere(std::uint8_t granules) {
  chunk_list& list = with_room_[granules - 1U];
  const std::uint32_t block_bytes = granules * std::uint32_t{granule};
  while (list.first != nullptr && list.first->free == nullptr && list.first->untouched + block_bytes > chunk_bytes) {
    chunk& full = *list.first;
    full.full = true;
    list.remove(full);
    full_.push(full);
  }
  if (list.first == nullptr) {
    add_chunk(granules);
  }
  chunk& from = *list.first;
  ++from.taken;
  if (from.free != nullptr) {
    return std::exchange(from.free, from.free->next);
  }
  return from.begin() + std::exchange(from.untouched, from.untouched + block_bytes);
}

void timer_memory::give(void* block, std::uint8_t granules) noexcept {
  if (granules == 0) {
    ::operator delete(block);
    return;
  }
  chunk& home = chunk::of(block);
  home.free = ::new (block) free_block{home.free};
  --home.taken;
  if (home.full || home.taken == 0) {
    settle(home);
  }
}

void timer_memory::settle(chunk& home) noexcept {
  if (home.owner == nullptr) {
    if (home.taken == 0) {
      std::free(home.begin());
    }
    return;
  }
  chunk_list& list = home.owner->with_room_[home.granules - 1U];
  if (home.full) {
    home.full = false;
    home.owner->full_.remove(home);
    list.push(home);
  }
  if (home.taken == 0 && (list.first != &home || home.next != nullptr)) {
    list.remove(home);
    std::free(home.begin());
  }
}

}  // namespace whorl::detail
