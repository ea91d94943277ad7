// The limit that deferreds are measured against: a coroutine task that somebody wrote by hand for just this program.
//
// A task starts at once, has one owner and one waiter, and holds a value or an exception. It knows no cancelling, no
// pausing, no callbacks, no chain of awaits; its waiter is entered by symmetric transfer. Memory says where frames come
// from.
#pragma once

#include <array>
#include <coroutine>
#include <cstddef>
#include <exception>
#include <new>
#include <utility>

namespace hand {

struct plain_memory {
  static void* take(std::size_t bytes) { return ::operator new(bytes); }
  static void give(void* frame, std::size_t /*bytes*/) noexcept { ::operator delete(frame); }
};

// One free list for each size, never given back.
class free_lists {
 public:
  static void* take(std::size_t bytes) {
    block*& first = lists_[class_of(bytes)];
    if (first == nullptr) {
      return ::operator new((class_of(bytes) + 1) * granule);
    }
    return std::exchange(first, first->next);
  }
  static void give(void* frame, std::size_t bytes) noexcept {
    block*& first = lists_[class_of(bytes)];
    first = ::new (frame) block{first};
  }

 private:
  struct block {
    block* next;
  };
  static constexpr std::size_t granule = 64;
  static constexpr std::size_t class_of(std::size_t bytes) { return (bytes - 1) / granule; }

  static inline thread_local constinit std::array<block*, 64> lists_{};
};

// What an operation fires when it is done: one value, for one waiter. This one lies in its producer, who must live until
// it has been awaited: the least there can be.
template <class T>
class one_shot {
 public:
  one_shot& start() {
    *this = one_shot();
    return *this;
  }
  void fire(T value) {
    value_ = std::move(value);
    fired_ = true;
    if (waiter_) {
      waiter_.resume();
    }
  }

  bool await_ready() const noexcept { return fired_; }
  void await_suspend(std::coroutine_handle<> waiter) noexcept { waiter_ = waiter; }
  T await_resume() { return std::move(value_); }

 private:
  T value_{};
  std::coroutine_handle<> waiter_;
  bool fired_ = false;
};

// The same between a producer and a consumer of whom either may go first, as it is with a promise and its deferred.
template <class T, class Memory>
class shared_shot {
  struct block : one_shot<T> {
    static void* operator new(std::size_t bytes) { return Memory::take(bytes); }
    static void operator delete(void* frame, std::size_t bytes) noexcept { Memory::give(frame, bytes); }
    int owners = 2;
  };
  class share {
   public:
    explicit share(block* of = nullptr) noexcept : of_(of) {}
    share(share&& other) noexcept : of_(std::exchange(other.of_, nullptr)) {}
    share& operator=(share&& other) noexcept {
      std::swap(of_, other.of_);
      return *this;
    }
    ~share() {
      if (of_ != nullptr && --of_->owners == 0) {
        delete of_;
      }
    }
    block* operator->() const noexcept { return of_; }

   private:
    block* of_;
  };

 public:
  class consumer {
   public:
    explicit consumer(block* of) noexcept : of_(of) {}
    bool await_ready() const noexcept { return of_->await_ready(); }
    void await_suspend(std::coroutine_handle<> waiter) noexcept { of_->await_suspend(waiter); }
    T await_resume() { return of_->await_resume(); }

   private:
    share of_;
  };

  consumer start() {
    auto* made = new block;
    producer_ = share(made);
    return consumer(made);
  }
  void fire(T value) { producer_->fire(std::move(value)); }

 private:
  share producer_;
};

template <class T, class Memory>
class task {
 public:
  struct promise_type {
    static void* operator new(std::size_t bytes) { return Memory::take(bytes); }
    static void operator delete(void* frame, std::size_t bytes) noexcept { Memory::give(frame, bytes); }

    struct hand_over {
      bool await_ready() const noexcept { return false; }
      std::coroutine_handle<> await_suspend(std::coroutine_handle<promise_type> done) noexcept {
        const promise_type& from = done.promise();
        const bool last = from.unfinished == nullptr || --*from.unfinished == 0;
        return last && from.waiter ? from.waiter : std::noop_coroutine();
      }
      void await_resume() noexcept {}
    };

    task get_return_object() noexcept { return task(std::coroutine_handle<promise_type>::from_promise(*this)); }
    std::suspend_never initial_suspend() noexcept { return {}; }
    hand_over final_suspend() noexcept { return {}; }
    void return_value(T result) { value = std::move(result); }
    void unhandled_exception() { thrown = std::current_exception(); }

    T value{};
    std::exception_ptr thrown;
    std::coroutine_handle<> waiter;
    std::size_t* unfinished = nullptr;  // of the group that waits for this one, where it is a group
  };

  task(task&& other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
  task& operator=(task&& other) noexcept {
    std::swap(frame_, other.frame_);
    return *this;
  }
  ~task() {
    if (frame_) {
      frame_.destroy();
    }
  }

  bool ready() const noexcept { return frame_.done(); }
  void tell(std::coroutine_handle<> waiter, std::size_t* unfinished) noexcept {
    frame_.promise().waiter = waiter;
    frame_.promise().unfinished = unfinished;
  }
  T take() {
    promise_type& from = frame_.promise();
    if (from.thrown) {
      std::rethrow_exception(from.thrown);
    }
    return std::move(from.value);
  }

  bool await_ready() const noexcept { return ready(); }
  void await_suspend(std::coroutine_handle<> waiter) noexcept { tell(waiter, nullptr); }
  T await_resume() { return take(); }

 private:
  explicit task(std::coroutine_handle<promise_type> frame) noexcept : frame_(frame) {}
  std::coroutine_handle<promise_type> frame_;
};

// co_await gather(tasks): all their values.
template <class T, class Memory, std::size_t N>
class gather {
 public:
  explicit gather(std::array<task<T, Memory>, N> tasks) noexcept : tasks_(std::move(tasks)) {
    for (const auto& each : tasks_) {
      unfinished_ += each.ready() ? 0 : 1;
    }
  }

  bool await_ready() const noexcept { return unfinished_ == 0; }
  void await_suspend(std::coroutine_handle<> waiter) noexcept {
    for (auto& each : tasks_) {
      if (!each.ready()) {
        each.tell(waiter, &unfinished_);
      }
    }
  }
  std::array<T, N> await_resume() {
    std::array<T, N> values{};
    for (std::size_t i = 0; i < N; ++i) {
      values[i] = tasks_[i].take();
    }
    return values;
  }

 private:
  std::array<task<T, Memory>, N> tasks_;
  std::size_t unfinished_ = 0;
};

}  // namespace hand
