// A type says once which threads may use an object of it, and every place goes by that:
//
//     template <>
//     inline constexpr whorl::thread_affinity whorl::affinity_of<connection> = whorl::thread_affinity::one_thread;
//
// any_thread: it may be shared, and a shared_ptr to it may cross. one_thread: it may not cross at all; build it in a lane.
// Who says nothing has one_call: it may cross by being moved, and is given to one call at a time (hand_over.h).
#pragma once

#include <atomic>
#include <cstdint>

namespace whorl {

enum class thread_affinity : std::uint8_t {
  any_thread,  // it is thread-safe: several calls may use it at once
  one_call,    // any thread may use it, one call at a time
  one_thread,  // only the thread that built it may
};

template <class T>
inline constexpr thread_affinity affinity_of = thread_affinity::one_call;

template <class T>
inline constexpr thread_affinity affinity_of<const T> =
    affinity_of<T> == thread_affinity::one_thread ? thread_affinity::one_thread : thread_affinity::any_thread;

template <class T>
inline constexpr thread_affinity affinity_of<std::atomic<T>> = thread_affinity::any_thread;

}  // namespace whorl
