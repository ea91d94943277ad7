// What is waiting: every promise whose deferred was handed out and that has not fired, and who awaits whom behind it.
//
//     for (const pending_wait& each : loop.pending()) std::cerr << each.describe();
//
//     waits 2.000 s for a promise made in deferred<permit> whorl::semaphore::acquire() (semaphore.cpp:14)
//       awaited in deferred<page> get_page(reactor &, std::string) (server.cpp:31)
//       awaited in deferred<void> serve(reactor &) (server.cpp:47)
//
// Thread: the one whose deferreds they are.
// Cost:   a promise enters and leaves a list, some nanoseconds; stacks are walked only when somebody asks.
#pragma once

#include <whorl/deferred/this_thread.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <source_location>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace whorl {

// One step of an async stack.
struct async_frame {
  std::string_view what;    // "a promise made", "awaited", "a callback added", "a time limit set", ...
  std::source_location at;  // where; line 0: not known
};

// Who awaits whom, innermost first: what everything waits for, and at the end whoever nobody waits for.
class async_stack {
 public:
  explicit async_stack(std::vector<async_frame> frames) noexcept : frames_(std::move(frames)) {}
  const std::vector<async_frame>& frames() const noexcept { return frames_; }

  // One line a frame.
  std::string describe() const;

 private:
  std::vector<async_frame> frames_;
};

struct pending_wait {
  async_stack stack;
  std::chrono::nanoseconds waiting{};  // since the promise handed out its deferred, by its loop's clock

  std::string describe() const;
};

// What waits on this thread outside of any loop: promises that handed out their deferreds before it had one. Oldest first.
std::vector<pending_wait> pending_outside_loops();

namespace detail {

class node;

// Copies memory that may be gone; false: it is.
using memory_reader = bool (*)(const void* from, void* into, std::size_t bytes) noexcept;

// What runs on the thread with this mark, and who awaits it, as another thread can see it meanwhile: nothing where it
// changes too fast.
async_stack running_stack(const void* thread_mark, memory_reader read);

// A promise's place in the list of those that have not fired, in which it is once its deferred was handed out.
class pending_link {
 public:
  explicit pending_link(const node& promise) noexcept : promise_(promise) {}
  pending_link(const pending_link&) = delete;
  pending_link& operator=(const pending_link&) = delete;
  ~pending_link() = default;  // it has left: a promise dies when it has fired, or nobody waits

  void enter() noexcept {
    since_ = this_thread.now;
    enter(this_thread.pending_here != nullptr ? *this_thread.pending_here : this_thread.pending);
  }
  void enter(pending_link*& first) noexcept {
    next_ = first;
    if (next_ != nullptr) {
      next_->to_this_ = &next_;
    }
    to_this_ = &first;
    first = this;
  }
  void leave() noexcept {
    if (to_this_ != nullptr) {
      *to_this_ = next_;
      if (next_ != nullptr) {
        next_->to_this_ = to_this_;
      }
      to_this_ = nullptr;
    }
  }

 private:
  friend class pending_list;

  const node& promise_;
  std::int64_t since_ = 0;  // these two: while it is in a list
  pending_link* next_ = nullptr;
  pending_link** to_this_ = nullptr;
};

// The promises that were made while one loop was reactor::of_this_thread.
class pending_list {
 public:
  pending_list() = default;
  pending_list(const pending_list&) = delete;
  pending_list& operator=(const pending_list&) = delete;
  ~pending_list();  // those that are left become the thread's own

  static std::vector<pending_wait> describe(const pending_link* first, std::int64_t now);
  std::vector<pending_wait> describe(std::int64_t now) const { return describe(first_, now); }

  // Promises that this thread makes from now on enter `list`; null: the thread's own.
  static void enter_into(pending_list* list) noexcept {
    this_thread.pending_here = list == nullptr ? nullptr : &list->first_;
  }

 private:
  pending_link* first_ = nullptr;
};

}  // namespace detail
}  // namespace whorl
