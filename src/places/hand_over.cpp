#include <fmt/format.h>
#include <pthread.h>
#include <whorl/deferred/error.h>
#include <whorl/places/called_function.h>
#include <whorl/places/hand_over.h>

#include <algorithm>
#include <array>
#include <string>
#include <unordered_map>
#include <utility>

namespace whorl {

namespace {

std::string place(const std::source_location& where) {
  return fmt::format("{}:{}, in {}", where.file_name(), where.line(), where.function_name());
}

std::string name_of_this_thread() {
  std::array<char, 16> name{};
  ::pthread_getname_np(::pthread_self(), name.data(), name.size());
  return name.data();
}

// Of the object, of a pointer to its type.
std::string object_name(const std::type_info& pointer) {
  std::string name = detail::name_of_type(pointer);
  name.erase(name.find_last_not_of('*') + 1);
  return name;
}

// Who has an object: one call, or several of one line.
struct holding {
  std::size_t calls = 0;
  const void* line = nullptr;
  std::source_location since;  // of the call that took it last
};

class handed_objects {
 public:
  static handed_objects& all() {
    static handed_objects only;
    return only;
  }

  void take(const detail::given_object& object, const void* line) {
    const mutex_lock lock(mutex_);
    holding& held = held_[object.address];
    if (held.calls > 0 && (line == nullptr || held.line != line)) {
      throw misuse(
          fmt::format("an object ({} at {}) is given to two calls at once: here ({}), and to a call that has not ended "
                      "({}); wait for that call first, or give each its own, or use the object in a lane; if it is "
                      "thread-safe, its type says so (whorl::affinity_of), or "
                      "unchecked(value, \"reason\", thread_affinity::any_thread)",
                      object_name(*object.pointer), object.address, place(object.where), place(held.since)));
    }
    held = {.calls = held.calls + 1, .line = line, .since = object.where};
  }

  void give_back(const void* address) noexcept {
    const mutex_lock lock(mutex_);
    const auto held = held_.find(address);
    if (--held->second.calls == 0) {
      held_.erase(held);
    }
  }

 private:
  mutex mutex_;
  std::unordered_map<const void*, holding> held_ WHORL_GUARDED_BY(mutex_);
};

}  // namespace

void use_check::enter_checked(const std::source_location& from) {
  const std::thread::id self = std::this_thread::get_id();
  if (affinity_ == thread_affinity::one_thread && self != made_by_) {
    throw misuse(fmt::format(
        "an object that belongs to the thread that made it is used on the thread \"{}\" ({}): build and use "
        "it in a lane",
        name_of_this_thread(), place(from)));
  }
  const mutex_lock lock(mutex_);
  if (inside_ > 0 && user_ != self) {
    throw misuse(
        fmt::format("an object is used by two threads at once: by \"{}\" ({}), while \"{}\" is using it ({}); it says "
                    "that it is for one call at a time: use it in a lane, or give each thread its own",
                    name_of_this_thread(), place(from), user_name_, place(entered_)));
  }
  if (inside_++ == 0) {
    user_ = self;
    user_name_ = name_of_this_thread();
    entered_ = from;
  }
}

void use_check::leave() noexcept {
  const mutex_lock lock(mutex_);
  --inside_;
}

namespace detail {

void objects_of_call::take(const given_object& object, const void* line) {
  if (object.address == nullptr || std::ranges::find(addresses_, object.address) != addresses_.end()) {
    return;
  }
  addresses_.reserve(addresses_.size() + 1);
  handed_objects::all().take(object, line);
  addresses_.push_back(object.address);
}

void objects_of_call::give_back_all() noexcept {
  for (const void* address : std::exchange(addresses_, {})) {
    handed_objects::all().give_back(address);
  }
}

}  // namespace detail
}  // namespace whorl
