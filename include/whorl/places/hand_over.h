// The hand-over check: an object that two calls would use at once is refused when the second call is made.
//
//     co_await defer_to(pool, count, unchecked(&words, "nobody else counts meanwhile"));
//
// Types refuse most of it when the program is compiled: a unique_ptr is moved, and is gone; a shared_ptr to what can be
// written to does not cross. What crosses as unchecked() is watched while the program runs: the object of a pointer, a
// reference_wrapper or a shared_ptr belongs to one call from defer_to until function and arguments have died in their
// thread. Calls that run one after the other anyway (of a lane, its leases, a pool of one thread) may have it together. A
// thread-safe object says so by its type (thread_affinity.h), or this once:
//
//     unchecked(&cells, "each part writes its own", thread_affinity::any_thread)
//
// Where an object is reached by other ways than calls, as a driver's connection, its class has a use_check.
//
// Fails: misuse, naming the object's type and both places in the source.
// Cost:  builds with assertions (without NDEBUG): a lock and a map; others: nothing, and nothing is found.
#pragma once

#include <whorl/deferred/mutex.h>
#include <whorl/places/thread_affinity.h>
#include <whorl/places/transferable.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <source_location>
#include <string>
#include <thread>
#include <typeinfo>
#include <vector>

namespace whorl {

#ifdef NDEBUG
inline constexpr bool hand_over_is_checked = false;
#else
inline constexpr bool hand_over_is_checked = true;
#endif

// A member of a class whose objects are used by one thread at a time, or by one thread only. Each function that touches
// the object says so; one thread may be inside several of them.
//
//     row query(std::string text, std::source_location from = std::source_location::current()) {
//       const auto use = check_.enter(from);
//
// Thread: any.
class use_check {
 public:
  // With one_thread: the one that makes the check. With any_thread it checks nothing.
  explicit use_check(thread_affinity affinity = thread_affinity::one_call) noexcept : affinity_(affinity) {}
  use_check(const use_check&) = delete;
  use_check& operator=(const use_check&) = delete;

  // Inside until it dies.
  class [[nodiscard]] use {
   public:
    use(const use&) = delete;
    use& operator=(const use&) = delete;
    ~use() {
      if (of_ != nullptr) {
        of_->leave();
      }
    }

   private:
    friend class use_check;
    explicit use(use_check* of) noexcept : of_(of) {}
    use_check* of_;
  };

  // Throws misuse when another thread is inside, or with one_thread on another thread: nothing was touched yet.
  use enter(const std::source_location& from = std::source_location::current()) {
    if (!hand_over_is_checked || affinity_ == thread_affinity::any_thread) {
      return use(nullptr);
    }
    enter_checked(from);
    return use(this);
  }

 private:
  void enter_checked(const std::source_location& from);
  void leave() noexcept;

  const thread_affinity affinity_;
  const std::thread::id made_by_ = std::this_thread::get_id();
  mutex mutex_;
  std::size_t inside_ WHORL_GUARDED_BY(mutex_) = 0;
  std::thread::id user_ WHORL_GUARDED_BY(mutex_);
  std::string user_name_ WHORL_GUARDED_BY(mutex_);
  std::source_location entered_ WHORL_GUARDED_BY(mutex_);
};

namespace detail {

// An object on its way to a call.
struct given_object {
  const void* address = nullptr;            // null: nothing to watch
  const std::type_info* pointer = nullptr;  // to its type
  std::source_location where;
};

// The objects that one call has.
class objects_of_call {
 public:
  objects_of_call() = default;
  objects_of_call(objects_of_call&&) = default;
  objects_of_call& operator=(objects_of_call&& other) noexcept {
    addresses_.swap(other.addresses_);
    return *this;
  }
  ~objects_of_call() { give_back(); }

  // `line`: the calls of one line run one after the other; null: this call runs beside any.
  // Throws misuse when a call that may run at the same time has the object.
  void take(const given_object& object, const void* line);

  void give_back() noexcept {
    if (!addresses_.empty()) {
      give_back_all();
    }
  }

 private:
  void give_back_all() noexcept;

  std::vector<const void*> addresses_;
};

// A pointer into a function or to something const cannot be written through.
template <class T>
given_object watched(T* pointer, thread_affinity affinity, const std::source_location& where) {
  if constexpr (std::is_function_v<T> || std::is_const_v<T>) {
    return {};
  } else {
    return affinity == thread_affinity::any_thread ? given_object() : given_object{pointer, &typeid(T*), where};
  }
}

template <class T>
given_object object_of(const T& /*owned*/) {
  return {};
}
template <class T>
given_object object_of(const unchecked_value<T*>& given) {
  return watched(given.value, given.affinity.value_or(affinity_of<T>), given.where);
}
template <class T>
given_object object_of(const unchecked_value<std::reference_wrapper<T>>& given) {
  return watched(&given.value.get(), given.affinity.value_or(affinity_of<T>), given.where);
}
template <class T>
given_object object_of(const unchecked_value<std::shared_ptr<T>>& given) {
  return watched(given.value.get(), given.affinity.value_or(affinity_of<std::remove_extent_t<T>>), given.where);
}

// Throws misuse.
template <class... Given>
void take_objects(objects_of_call& into, const void* line, const Given&... given) {
  if constexpr (hand_over_is_checked) {
    (into.take(object_of(given), line), ...);
  }
}

}  // namespace detail
}  // namespace whorl
