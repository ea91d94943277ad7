// A context is a handful of values (a request's id, a deadline, fields of log lines) that follow a piece of work: across
// its awaits, into its callbacks, its timed calls and the calls it makes to other places and loops.
//
//     inline const log_key request_id("request");                             // once, at namespace scope
//     co_await context::current().with(request_id, "7f3a").run(handle, r);    // handle, and all that it starts
//     const std::string* id = request_id.find();                              // in handle; null elsewhere
//
// A value is set for what run() calls, never for the rest of the caller, so none can leak out (S39).
//
// Thread:   any; values are const and shared.
// Lifetime: a value lives as long as work that carries it.
// Cost:     unused: a load and a store where something waits or resumes. Used: an atomic count there; with() is one
//           allocation; find() walks the values, the newest first.
#pragma once

#include <whorl/deferred/this_thread.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace whorl {

namespace detail {

// One value, and the values that were there before.
class context_values {
 public:
  context_values(const void* key, const context_values* outer) noexcept : key_(key), outer_(outer) { retain(outer); }
  context_values(const context_values&) = delete;
  context_values& operator=(const context_values&) = delete;

  static void retain(const context_values* shared) noexcept {
    if (shared != nullptr) {
      shared->owners_.fetch_add(1, std::memory_order_relaxed);
    }
  }
  static void release(const context_values* shared) noexcept;

  const void* key() const noexcept { return key_; }
  const context_values* outer() const noexcept { return outer_; }

  // What it adds to log lines; no name: nothing.
  virtual std::string_view log_name() const noexcept { return {}; }
  virtual std::string_view log_text() const noexcept { return {}; }

 protected:
  virtual ~context_values() = default;

 private:
  const void* key_;
  const context_values* outer_;
  mutable std::atomic<std::uint32_t> owners_{1};
};

template <class T>
class context_value : public context_values {
 public:
  context_value(const void* key, const context_values* outer, T given)
      : context_values(key, outer), value(std::move(given)) {}
  const T value;
};

// A share in a context, which may be empty.
class context_share {
 public:
  context_share() noexcept = default;
  static context_share current() noexcept { return share(this_thread.context); }
  static context_share share(const context_values* values) noexcept {
    context_values::retain(values);
    return context_share(values);
  }
  static context_share adopt(const context_values* values) noexcept { return context_share(values); }

  context_share(const context_share& other) noexcept : context_share(share(other.values_)) {}
  context_share(context_share&& other) noexcept : values_(std::exchange(other.values_, nullptr)) {}
  context_share& operator=(context_share other) noexcept {
    std::swap(values_, other.values_);
    return *this;
  }
  ~context_share() {
    if (values_ != nullptr) {
      context_values::release(values_);
    }
  }
  const context_values* get() const noexcept { return values_; }

 private:
  explicit context_share(const context_values* values) noexcept : values_(values) {}
  const context_values* values_ = nullptr;
};

// While it lives, these values are the thread's.
class context_scope {
 public:
  explicit context_scope(const context_share& in) noexcept : outer_(std::exchange(this_thread.context, in.get())) {}
  ~context_scope() { this_thread.context = outer_; }
  context_scope(const context_scope&) = delete;
  context_scope& operator=(const context_scope&) = delete;

 private:
  const context_values* outer_;
};

// A call that runs in the context of whoever made it.
template <class F>
class in_context {
 public:
  explicit in_context(F call) : call_(std::move(call)), in_(context_share::current()) {}
  decltype(auto) operator()() {
    const context_scope scope(in_);
    return std::invoke(std::move(call_));
  }

 private:
  [[no_unique_address]] F call_;
  context_share in_;
};

}  // namespace detail

// Names a value of type T. Lives as long as the program; two keys are two values, also under the same name.
template <class T>
class context_key {
 public:
  constexpr explicit context_key(std::string_view name) noexcept : name_(name) {}
  context_key(const context_key&) = delete;
  context_key& operator=(const context_key&) = delete;

  std::string_view name() const noexcept { return name_; }

  // The value that the running work carries, or null. Valid while that work runs.
  const T* find() const noexcept {
    for (const auto* at = detail::this_thread.context; at != nullptr; at = at->outer()) {
      if (at->key() == this) {
        return &static_cast<const detail::context_value<T>*>(at)->value;
      }
    }
    return nullptr;
  }

 private:
  std::string_view name_;
};

// Names a text that every log line of the work carries: what=... request=7f3a.
class log_key : public context_key<std::string> {
 public:
  using context_key::context_key;
};

class context {
 public:
  context() noexcept = default;  // without values

  // What the running work carries.
  static context current() noexcept { return context(detail::context_share::current()); }

  // These values and one more, which hides one of the same key.
  template <class T>
  context with(const context_key<T>& key, std::type_identity_t<T> value) const {
    return context(detail::context_share::adopt(new detail::context_value<T>(&key, values_.get(), std::move(value))));
  }
  context with(const log_key& key, std::string text) const;

  // Calls f(args...) with these values. When f returns a deferred, whatever runs until that fires carries them too.
  template <class F, class... Args>
  decltype(auto) run(F&& f, Args&&... args) const {
    const detail::context_scope scope(values_);
    return std::invoke(std::forward<F>(f), std::forward<Args>(args)...);
  }

 private:
  explicit context(detail::context_share values) noexcept : values_(std::move(values)) {}

  detail::context_share values_;
};

}  // namespace whorl
