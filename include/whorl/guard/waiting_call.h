// Calls of the C library that would wait, and changes of what belongs to the whole process, as wrappers round those
// functions see them (src/calls): just before they are made.
//
//     constexpr call_observer mine{.waits = [](const waiting_call& seen) { ... }};
//     observe_calls(&mine);                       // once a process
//     watch_calls_of_this_thread(&heart);         // its calls are seen while that heart works, not while it rests
//
// A wrapper first asks whether its thread is watched now, then whether the call would really wait: not on a descriptor
// that is non-blocking or ready, nor with a time-out of zero. Reads and writes of regular files are not told of: the
// kernel's cache answers them, mostly, and where it does not, stall_watch tells.
//
// Thread:   an observer is called on the thread that makes the call, in the middle of it; its own calls are not seen.
//           In a child between fork and exec nothing is seen.
// Cost:     where a thread is not watched, a wrapper costs a test of thread-local memory.
#pragma once

#include <whorl/deferred/platform.h>
#include <whorl/facts/fact.h>
#include <whorl/reactor/heartbeat.h>
#include <whorl/reactor/real_time.h>

#include <atomic>
#include <cstdint>
#include <utility>

namespace whorl {

// Where in the program: the innermost return address, and the frame that follows (with frame pointers, a pair of the
// next frame's address and this return address).
struct call_site {
  const void* returns_to = nullptr;
  const void* frame = nullptr;
  const void* wrapper = nullptr;  // the function that is called
};

struct waiting_call {
  const char* function;  // "read": what the program called
  facts::blocking_class waits_for = facts::blocking_class::unknown;
  int descriptor = -1;
  bool refusable = false;  // an exception may leave it: the C library's headers do not declare it noexcept
  call_site at{};
};

struct state_change {
  const char* function;  // "chdir"
  const char* effect;    // on the process, one of facts::process_effects(): "cwd"
  call_site at{};
};

// What is null is not told.
struct call_observer {
  // On a watched thread. What it throws leaves a call that is refusable; elsewhere it must not throw.
  void (*waits)(const waiting_call&) = nullptr;
  void (*waited)(const waiting_call&) noexcept = nullptr;  // afterwards, if `waits` returned

  // On any thread.
  void (*state_changes)(const state_change&) = nullptr;

  // On any thread, epoll_wait, poll, select and their kin only, whatever their time-out: true if it is the sleep of an
  // event loop, which is then not told to `waits`; `loop_slept` follows.
  bool (*loop_sleeps)(const waiting_call&) = nullptr;
  void (*loop_slept)(const waiting_call&) noexcept = nullptr;
};

// Whoever observed before does so no longer. The observer lives as long as the program; null: nobody observes.
void observe_calls(const call_observer* observer) noexcept;

// Null: this thread is not watched. Returns what stood there before. The heart must outlive the watching.
const heartbeat* watch_calls_of_this_thread(const heartbeat* heart) noexcept;

namespace detail {

WHORL_FAST_THREAD_LOCAL extern constinit thread_local const heartbeat* watched_heart;
WHORL_FAST_THREAD_LOCAL extern constinit thread_local bool observing;  // the observer is at work on this thread
extern constinit std::atomic<const call_observer*> observer_of_calls;

inline bool calls_are_watched() noexcept {
  const heartbeat* heart = watched_heart;
  return heart != nullptr && !heartbeat::resting(heart->count()) && !observing;
}

// For the wrappers, when the program starts.
void wrappers_are_linked();

// Whoever observes; null: nobody, or this thread is at that already, or it is a child's that has not called exec yet.
const call_observer* observer_of_this_call() noexcept;

}  // namespace detail

// While it lives, no call of this thread is seen: for what looks at calls, and calls such functions itself.
class unobserved {
 public:
  unobserved() noexcept : before_(std::exchange(detail::observing, true)) { detail::pause_real_time(); }
  unobserved(const unobserved&) = delete;
  unobserved& operator=(const unobserved&) = delete;
  ~unobserved() {
    detail::resume_real_time();
    detail::observing = before_;
  }

 private:
  bool before_;
};

}  // namespace whorl
