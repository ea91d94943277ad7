// A ring is a list whose elements are their own links.
//
// Cost: O(1), without allocation.
#pragma once

namespace whorl {

// An element, which is in one list at most and leaves it without knowing which; or, by itself, a list's head.
struct ring_link {
  ring_link() = default;
  ring_link(const ring_link&) = delete;
  ring_link& operator=(const ring_link&) = delete;
  ~ring_link() { unlink(); }

  bool linked() const noexcept { return next != this; }
  void unlink() noexcept {
    previous->next = next;
    next->previous = previous;
    next = previous = this;
  }
  void insert_before(ring_link& at) noexcept {
    next = &at;
    previous = at.previous;
    previous->next = this;
    at.previous = this;
  }

  ring_link* next = this;
  ring_link* previous = this;
};

// Puts all elements of one list into another, empty one.
inline void move_ring(ring_link& from, ring_link& into) noexcept {
  if (from.linked()) {
    into.insert_before(from);
    from.unlink();
  }
}

}  // namespace whorl
