// A timer_queue keeps calls for later, in a hierarchical wheel: 64 slots a level, each level 64 times coarser.
//
// Due times are exact to the nanosecond, from now to centuries ahead; calls run in the order of their due times, and
// in the order of their adding among equals (S43).
//
// Thread:   belongs to its loop's thread.
// Cost:     adding and cancelling are O(1), without a general-purpose allocation (timer_memory.h), and mostly touch one
//           cache line of the timer; a timer moves down at most once a level.
#pragma once

#include <whorl/reactor/time.h>
#include <whorl/reactor/timer_memory.h>

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <new>
#include <optional>
#include <source_location>
#include <utility>
#include <vector>

namespace whorl {

class timer_queue;
class delayed_call;

namespace detail {

// A call in the wheel, shared by the queue, while it waits there, and by its handle. One with a call of two words fills
// a cache line.
class timer {
 public:
  timer(const std::source_location& added, std::uint8_t granules) noexcept : added_(added), granules_(granules) {}
  timer(const timer&) = delete;
  timer& operator=(const timer&) = delete;

 protected:
  ~timer() = default;

 private:
  friend class whorl::timer_queue;
  friend class whorl::delayed_call;

  enum class state : std::uint8_t { waiting, running, over };

  virtual void call() = 0;
  virtual void destroy_call() noexcept = 0;  // once

  timer* previous_ = nullptr;
  timer* next_ = nullptr;
  time_point due_{};
  std::source_location added_;
  std::uint16_t slot_ = 0;
  state state_ = state::waiting;
  std::uint8_t owners_ = 2;
  const std::uint8_t granules_;  // of timer_memory
};

template <class F>
class timer_of final : public timer {
 public:
  timer_of(F call, const std::source_location& added)
      : timer(added, timer_memory::granules(sizeof(timer_of))), call_(std::move(call)) {}
  timer_of(const timer_of&) = delete;
  timer_of& operator=(const timer_of&) = delete;
  ~timer_of() = delete;  // the call ends before the memory does

 private:
  void call() override { std::invoke(call_); }
  void destroy_call() noexcept override { call_.~F(); }

  union {
    F call_;
  };
};

}  // namespace detail

// The handle of a call that was put off. Dropping it cancels the call; detach() lets it run all the same.
//
// Lifetime: may outlive the call and the loop.
// Fails:    reset and delay throw misuse for a call that has run or was cancelled, and for one that is running (S45).
class [[nodiscard]] delayed_call {
 public:
  delayed_call() noexcept = default;  // of nothing
  delayed_call(delayed_call&& other) noexcept : timer_(std::exchange(other.timer_, nullptr)), queue_(other.queue_) {}
  delayed_call& operator=(delayed_call&& other) noexcept {
    delayed_call taken(std::move(other));
    std::swap(timer_, taken.timer_);
    std::swap(queue_, taken.queue_);
    return *this;
  }
  ~delayed_call() {
    if (timer_ != nullptr) {
      drop();
    }
  }

  void cancel() noexcept;         // does nothing to one that has run or was cancelled, nor to one that is running
  void reset(duration from_now);  // counts from now (S46)
  void delay(duration further);   // shifts the due time, also to an earlier one (S46)
  bool active() const noexcept;   // it has neither run nor been cancelled
  time_point due() const;         // throws misuse if there never was a call, or it was cancelled
  void detach() && noexcept;

 private:
  friend class timer_queue;
  delayed_call(detail::timer& shared, timer_queue& queue) noexcept : timer_(&shared), queue_(&queue) {}
  detail::timer& waiting_timer(const char* doing) const;
  void drop() noexcept;

  detail::timer* timer_ = nullptr;
  timer_queue* queue_ = nullptr;  // which is there while the call waits
};

class timer_queue {
 public:
  using clock = std::move_only_function<time_point() const noexcept>;

  // `now` is asked by delayed_call::reset.
  explicit timer_queue(clock now) noexcept : now_(std::move(now)) {}
  timer_queue(const timer_queue&) = delete;
  timer_queue& operator=(const timer_queue&) = delete;
  ~timer_queue() { clear(); }

  // `at`, where it was added, is told when it throws.
  template <std::invocable F>
  delayed_call add(time_point due, F call, std::source_location at = std::source_location::current()) {
    timer& added = make(call, at);
    insert(added, due);
    return delayed_call(added, *this);
  }

  // When there is something to do: the earliest due time, or an earlier moment; nothing if there are no calls.
  std::optional<time_point> next_due() const noexcept;

  // Runs every call that is due at `now` and was added before. Those that they add run at the next run_due (S44). An
  // exception is logged, and the others run (S47).
  void run_due(time_point now) noexcept;

  // Cancels everything.
  void clear() noexcept;

  std::size_t size() const noexcept { return size_; }

 private:
  friend class delayed_call;

  using timer = detail::timer;
  using tick = std::uint64_t;

  struct slot {
    timer* first = nullptr;
    timer* last = nullptr;
    time_point earliest = time_point::max();  // of its calls, cancelled ones included
  };

  static constexpr unsigned slot_bits = 6;
  static constexpr unsigned slots_per_level = 1U << slot_bits;
  static constexpr unsigned levels = 9;                                // enough for all ticks that fit in a time_point
  static constexpr std::uint16_t due_slot = levels * slots_per_level;  // not in the wheel: about to run

  template <class F>
  timer& make(F& call, const std::source_location& at) {
    using made = detail::timer_of<F>;
    static_assert(alignof(made) <= __STDCPP_DEFAULT_NEW_ALIGNMENT__);
    void* memory = memory_.take(sizeof(made));
    try {
      return *::new (memory) made(std::move(call), at);
    } catch (...) {
      detail::timer_memory::give(memory, detail::timer_memory::granules(sizeof(made)));
      throw;
    }
  }

  void insert(timer& added, time_point due) noexcept;
  void place(timer& placed) noexcept;
  void unlink(timer& gone) noexcept;
  void cancel(timer& gone) noexcept;
  void abandon(timer& gone) noexcept;
  void move(timer& moved, time_point due) noexcept;
  void run_one(timer& due) noexcept;
  static void release(timer& shared) noexcept;

  unsigned first_slot() const noexcept;
  tick slot_start(unsigned index) const noexcept;
  timer* take_slot(unsigned index) noexcept;
  void collect_due(time_point now) noexcept;
  void collect_slot(unsigned index, time_point now) noexcept;
  void append_due(timer& due) noexcept;

  struct falling_due {
    time_point at;
    std::size_t place;  // in its slot: the order of adding among equals
    timer* who;
  };

  clock now_;
  detail::timer_memory memory_;
  tick current_ = 0;  // every occupied slot starts at or after it
  std::size_t size_ = 0;
  std::uint16_t occupied_levels_ = 0;
  std::array<std::uint64_t, levels> occupied_{};  // a bit for each slot
  std::array<slot, due_slot + 1> slots_{};
  std::vector<falling_due> sorting_;  // kept for its memory
};

}  // namespace whorl
