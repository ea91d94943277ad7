// Writes down, once for each place in the program's code, the calls that the wrappers tell of, with the stack they come from.
#include <sys/uio.h>
#include <unistd.h>
#include <whorl/guard/waiting_call.h>

#include <algorithm>
#include <cstring>
#include <ctime>

#include "calls/preload/shared_memory.h"

namespace whorl::detail {

namespace {

struct told {
  const char* function;
  const char* effect;  // empty: it waits
  call_site at;

  // Of the place, in this process; never 0.
  std::uint64_t key() const noexcept {
    const auto site = reinterpret_cast<std::uintptr_t>(at.returns_to);
    const auto name = reinterpret_cast<std::uintptr_t>(function);
    return ((site * 0x9e3779b97f4a7c15U) ^ name ^ (static_cast<std::uint64_t>(::getpid()) << 40U)) | 1U;
  }
};

template <std::size_t Size>
void copy(std::array<char, Size>& into, const char* text) noexcept {
  std::strncpy(into.data(), text, Size - 1);
}

// The wrapper's frame is two words: the caller's frame pointer, and where it returns to; the caller's stack follows.
void write_stack(call_place& place, const call_site& at) noexcept {
  const auto frame = reinterpret_cast<std::uintptr_t>(at.frame);
  place.instruction = reinterpret_cast<std::uintptr_t>(at.returns_to) - 1;
  place.stack_pointer = frame + 2 * sizeof(std::uintptr_t);
  place.frame_pointer = *static_cast<const std::uintptr_t*>(at.frame);
  const iovec local{place.words.data(), sizeof place.words};
  const iovec remote{reinterpret_cast<void*>(place.stack_pointer), sizeof place.words};
  const ssize_t got = ::process_vm_readv(::getpid(), &local, 1, &remote, 1, 0);
  place.word_count = got < 0 ? 0 : static_cast<std::uint64_t>(got) / sizeof(std::uint64_t);
}

// Null: there are too many.
call_place* place_of(const told& call) noexcept {
  const std::uint64_t key = call.key();
  for (std::size_t i = 0; i < watched_loops::most_calls; ++i) {
    call_place& place = shared->calls[(key + i) % watched_loops::most_calls];
    std::uint64_t found = 0;
    if (place.key.compare_exchange_strong(found, key)) {
      place.process = ::getpid();
      place.thread = ::gettid();
      copy(place.function, call.function);
      copy(place.effect, call.effect);
      write_stack(place, call.at);
      return &place;
    }
    if (found == key) {
      return &place;
    }
  }
  return nullptr;
}

std::int64_t now() noexcept {
  timespec time{};
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1'000'000'000 + time.tv_nsec;
}

// Whoever sleeps, looks for a name, waits for a child or connects is told of however short it was: elsewhere, at another
// time, it takes longer. What mostly returns at once, or soon, is told of where it did not. A lock that several threads
// hold for moments is nobody's fault: the interpreter's own are semaphores, and it changes threads every 5 ms.
constexpr std::int64_t shortest_told(facts::blocking_class waits_for) noexcept {
  using enum facts::blocking_class;
  constexpr std::int64_t millisecond = 1'000'000;
  switch (waits_for) {
    case wait: return 10 * millisecond;
    case file:
    case lock:
    case loop: return millisecond;
    default: return 0;
  }
}

[[gnu::tls_model("initial-exec")]] constinit thread_local std::int64_t called_at = 0;

void add(call_place* place, std::int64_t took, std::uint64_t count) noexcept {
  if (place != nullptr) {
    place->took.fetch_add(took, std::memory_order_relaxed);
    place->count.fetch_add(count, std::memory_order_relaxed);
    place->written.store(1, std::memory_order_release);
  }
}

// Calls of this turn, of which nothing is told before it has ended: after a loop's last turn programs wait as they like, for
// their threads to end and the like.
struct call_in_turn {
  call_place* place = nullptr;
  std::int64_t took = 0;
  std::uint64_t count = 0;
};
[[gnu::tls_model("initial-exec")]] constinit thread_local std::array<call_in_turn, 16> of_this_turn{};

void keep(call_place* place, std::int64_t took) noexcept {
  for (call_in_turn& each : of_this_turn) {
    if (each.place == nullptr || each.place == place) {
      each = {.place = place, .took = each.took + took, .count = each.count + 1};
      calls_are_kept = true;
      return;
    }
  }
}

void waits(const waiting_call& /*seen*/) noexcept { called_at = loop_goes_on() ? now() : 0; }

void waited(const waiting_call& seen) noexcept {
  const std::int64_t took = called_at == 0 ? -1 : now() - called_at;
  called_at = 0;
  if (took >= shortest_told(seen.waits_for)) {
    keep(place_of({.function = seen.function, .effect = "", .at = seen.at}), took);
  }
}

void state_changes(const state_change& seen) noexcept {
  add(place_of({.function = seen.function, .effect = seen.effect, .at = seen.at}), 0, 1);
}

constexpr call_observer observer{.waits = &waits, .waited = &waited, .state_changes = &state_changes};

}  // namespace

constinit thread_local bool calls_are_kept = false;

void tell_calls() noexcept { observe_calls(&observer); }

void tell_calls_of_turn() noexcept {
  for (call_in_turn& each : of_this_turn) {
    add(each.place, each.took, each.count);
    each = {};
  }
  calls_are_kept = false;
}

void forget_calls_of_turn() noexcept {
  of_this_turn = {};
  calls_are_kept = false;
}

}  // namespace whorl::detail
