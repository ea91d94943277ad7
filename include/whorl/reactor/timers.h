// A timer_queue keeps calls for later, in a hierarchical wheel: 64 slots a level, each level 64 times coarser.
//
// Due times are exact to the nanosecond, from now to centuries ahead; calls run in the order of their due times, and
// in the order of their adding among equals (S43).
//
// Thread:   belongs to its loop's thread.
// Cost:     adding and cancelling are O(1), from a free list; a timer moves down at most once a level.
#pragma once

#include <whorl/deferred/frame_pool.h>
#include <whorl/reactor/time.h>

#include <concepts>
#include <memory>
#include <optional>
#include <utility>

namespace whorl {

class timer_queue;

// The handle of a call that was put off. Dropping it cancels the call; detach() lets it run all the same.
//
// Lifetime: may outlive the call and the loop.
// Fails:    reset and delay throw misuse for a call that has run or was cancelled, and for one that is running (S45).
class [[nodiscard]] delayed_call {
 public:
  delayed_call() noexcept = default;  // of nothing

  void cancel() noexcept;        // does nothing to one that has run or was cancelled
  void reset(duration from_now);  // counts from now (S46)
  void delay(duration further);   // shifts the due time (S46)
  bool active() const noexcept;   // it has neither run nor been cancelled
  time_point due() const;
  void detach() && noexcept;
};

}  // namespace whorl
