// How a function of the C library is wrapped: a definition under its name, which the linker prefers to the library's.
//
//     WHORL_WRAP(ssize_t, read, (int fd, void* into, size_t bytes), (fd, into, bytes), input(fd))
//
// says: it returns a ssize_t, takes these parameters, hands them on as these, and waits as expected_wait.h expects of
// input(fd). The definition's own name is wrapped_read, so that it need not agree with how a header declares read: that
// tells only whether an exception may leave it.
#pragma once

#include <whorl/guard/waiting_call.h>

#include <cerrno>

#include "calls/expected_wait.h"
#include "calls/real_function.h"

namespace whorl::calls {

using facts::blocking_class;

class kept_errno {
 public:
  kept_errno() noexcept : kept_(errno) {}
  kept_errno(const kept_errno&) = delete;
  kept_errno& operator=(const kept_errno&) = delete;
  ~kept_errno() { errno = kept_; }

 private:
  int kept_;
};

// Tells the observer of a call before it is made, if it is expected to wait, and after.
class told_call {
 public:
  template <class Expect>
  told_call(const waiting_call& call, Expect expect) : call_(call) {
    const kept_errno kept;
    const call_observer* observer = detail::observer_of_this_call();
    if (observer == nullptr || observer->waits == nullptr) {
      return;
    }
    const unobserved quiet;
    const expected_wait expected = expect();
    if (expected.waits_for != blocking_class::never) {
      call_.waits_for = expected.waits_for;
      call_.descriptor = expected.descriptor;
      observer->waits(call_);
      observer_ = observer;
    }
  }
  told_call(const told_call&) = delete;
  told_call& operator=(const told_call&) = delete;
  ~told_call() {
    if (observer_ != nullptr && observer_->waited != nullptr) {
      const kept_errno kept;
      const unobserved quiet;
      observer_->waited(call_);
    }
  }

 private:
  waiting_call call_;
  const call_observer* observer_ = nullptr;
};

inline bool sleeps_are_asked_for() noexcept {
  const call_observer* observer = detail::observer_of_calls.load(std::memory_order_relaxed);
  return observer != nullptr && observer->loop_sleeps != nullptr;
}

// Asks the observer whether a loop sleeps here, and tells it when that is over.
class asked_sleep {
 public:
  explicit asked_sleep(const waiting_call& call) noexcept : call_(call) {
    if (!sleeps_are_asked_for()) {
      return;
    }
    const kept_errno kept;
    const call_observer* observer = detail::observer_of_this_call();
    const unobserved quiet;
    if (observer != nullptr && observer->loop_sleeps(call_)) {
      observer_ = observer;
    }
  }
  asked_sleep(const asked_sleep&) = delete;
  asked_sleep& operator=(const asked_sleep&) = delete;
  ~asked_sleep() {
    if (observer_ != nullptr && observer_->loop_slept != nullptr) {
      const kept_errno kept;
      const unobserved quiet;
      observer_->loop_slept(call_);
    }
  }

  bool of_a_loop() const noexcept { return observer_ != nullptr; }

 private:
  waiting_call call_;
  const call_observer* observer_ = nullptr;
};

inline void tell_change(const state_change& change) noexcept {
  const kept_errno kept;
  const call_observer* observer = detail::observer_of_this_call();
  if (observer != nullptr && observer->state_changes != nullptr) {
    const unobserved quiet;
    observer->state_changes(change);
  }
}

}  // namespace whorl::calls

// NOLINTBEGIN(bugprone-macro-parentheses): they take types, parameter lists and argument lists

// Linkers take from a library what something refers to: presence.cpp refers to this.
#define WHORL_WRAPPERS_OF(kind)                   \
  extern "C" {                                    \
  extern const bool whorl_wraps_##kind;           \
  constinit const bool whorl_wraps_##kind = true; \
  }

#define WHORL_CALL_SITE(name)                                                       \
  ::whorl::call_site {                                                              \
    .returns_to = __builtin_return_address(0), .frame = __builtin_frame_address(0), \
    .wrapper = reinterpret_cast<const void*>(&wrapped_##name),                      \
  }

// The wrapper's declaration, and the function behind it, which is looked for when the program starts: in a handler of
// signals it would be too late.
#define WHORL_DECLARE_WRAPPER(result, name, parameters, real_parameters)                     \
  extern "C" [[gnu::visibility("default")]] result wrapped_##name parameters __asm__(#name); \
  namespace {                                                                                \
  constinit ::whorl::calls::real_function<result real_parameters> real_##name{#name};        \
  [[maybe_unused]] const auto found_##name = real_##name.find();                             \
  }

#define WHORL_WRAP_AS(told_as, may_throw, result, name, parameters, arguments, ...)                                  \
  WHORL_DECLARE_WRAPPER(result, name, parameters, parameters)                                                        \
  result wrapped_##name parameters {                                                                                 \
    if (!::whorl::detail::calls_are_watched()) [[likely]] {                                                          \
      return real_##name.get() arguments;                                                                            \
    }                                                                                                                \
    const ::whorl::calls::told_call told({.function = told_as, .refusable = may_throw, .at = WHORL_CALL_SITE(name)}, \
                                         [&] { return __VA_ARGS__; });                                               \
    return real_##name.get() arguments;                                                                              \
  }

#define WHORL_WRAP(result, name, parameters, arguments, ...) \
  WHORL_WRAP_AS(#name, !noexcept(::name arguments), result, name, parameters, arguments, __VA_ARGS__)

// Another name for a function, that programs call without having written it: headers put it there, for -D_FORTIFY_SOURCE
// or large files.
#define WHORL_WRAP_ALIAS(told_as, ...) WHORL_WRAP_AS(#told_as, true, __VA_ARGS__)

// In which event loops sleep, too.
#define WHORL_WRAP_SLEEP(result, name, ...) WHORL_WRAP_SLEEP_ALIAS(name, result, name, __VA_ARGS__)
#define WHORL_WRAP_SLEEP_ALIAS(told_as, result, name, parameters, arguments, on_descriptor, ...)       \
  WHORL_DECLARE_WRAPPER(result, name, parameters, parameters)                                          \
  result wrapped_##name parameters {                                                                   \
    if (!::whorl::detail::calls_are_watched() && !::whorl::calls::sleeps_are_asked_for()) [[likely]] { \
      return real_##name.get() arguments;                                                              \
    }                                                                                                  \
    const ::whorl::waiting_call call{.function = #told_as,                                             \
                                     .waits_for = ::whorl::facts::blocking_class::loop,                \
                                     .descriptor = on_descriptor,                                      \
                                     .refusable = true,                                                \
                                     .at = WHORL_CALL_SITE(name)};                                     \
    const ::whorl::calls::asked_sleep asked(call);                                                     \
    if (asked.of_a_loop() || !::whorl::detail::calls_are_watched()) {                                  \
      return real_##name.get() arguments;                                                              \
    }                                                                                                  \
    const ::whorl::calls::told_call told(call, [&] { return __VA_ARGS__; });                           \
    return real_##name.get() arguments;                                                                \
  }

// A lock: it waits if it cannot be had at once (`attempt`), nor within a moment (`patiently`): both give what the
// function itself would return, or `busy`.
#define WHORL_WRAP_LOCK(what, name, parameters, arguments, busy, attempt, patiently)                \
  WHORL_DECLARE_WRAPPER(int, name, parameters, parameters)                                          \
  int wrapped_##name parameters {                                                                   \
    if (!::whorl::detail::calls_are_watched()) [[likely]] {                                         \
      return real_##name.get() arguments;                                                           \
    }                                                                                               \
    int got = busy;                                                                                 \
    {                                                                                               \
      const ::whorl::unobserved quiet;                                                              \
      got = attempt;                                                                                \
      if (got == busy) {                                                                            \
        got = patiently;                                                                            \
      }                                                                                             \
    }                                                                                               \
    if (got != busy && got != ETIMEDOUT && got != EINVAL) {                                         \
      return got;                                                                                   \
    }                                                                                               \
    const ::whorl::calls::told_call told(                                                           \
        {.function = #name, .refusable = !noexcept(::name arguments), .at = WHORL_CALL_SITE(name)}, \
        [] { return ::whorl::calls::waits(::whorl::facts::blocking_class::what); });                \
    return real_##name.get() arguments;                                                             \
  }

// What belongs to the whole process.
#define WHORL_WRAP_CHANGE(result, name, ...) WHORL_WRAP_CHANGE_ALIAS(name, result, name, __VA_ARGS__)
#define WHORL_WRAP_CHANGE_ALIAS(told_as, result, name, parameters, arguments, process_effect, really)             \
  WHORL_DECLARE_WRAPPER(result, name, parameters, parameters)                                                     \
  result wrapped_##name parameters {                                                                              \
    if (::whorl::detail::observer_of_calls.load(std::memory_order_relaxed) != nullptr && (really)) {              \
      ::whorl::calls::tell_change({.function = #told_as, .effect = process_effect, .at = WHORL_CALL_SITE(name)}); \
    }                                                                                                             \
    return real_##name.get() arguments;                                                                           \
  }

// NOLINTEND(bugprone-macro-parentheses)
