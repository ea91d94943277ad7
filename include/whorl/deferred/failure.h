// A failure is what an errback receives: the error, where it arose, and the chain of awaits that it came through.
#pragma once

#include <whorl/deferred/error.h>

#include <cstddef>
#include <exception>
#include <expected>
#include <memory>
#include <source_location>
#include <string>
#include <vector>

namespace whorl {

// Thread:   a handle to shared data; belongs to one thread at a time, moved between threads, not used by two at once.
// Lifetime: copies share the data.
class failure {
 public:
  // Every whorl::error is a failure; implicit, so that an operation can fail with either.
  failure(class error error);                                                         // NOLINT
  failure(errc code, std::source_location origin = std::source_location::current());  // NOLINT

  // The exception in flight, for use in a catch block. One that a failure raised keeps that failure's origin and
  // awaits (S42). A forced unwinding (a cancelled thread) is no failure and goes on (S33).
  static failure current();

  const class error& error() const noexcept;

  // True if the error has one of these codes (S41, Twisted's check).
  template <class... Codes>
  bool check(Codes... codes) const noexcept {
    return ((error().code() == std::error_code(codes)) || ...);
  }

  // The matching code; an error with any other code is raised again, with its origin kept (S41).
  template <class... Codes>
  std::error_code trap(Codes... codes) const {
    if (!check(codes...)) {
      raise();
    }
    return error().code();
  }

  // What was thrown, when the failure came from an exception that is no whorl::error; null otherwise.
  std::exception_ptr exception() const noexcept;

  [[noreturn]] void raise() const;

  // Where the error arose; line 0 where that is not known, because what was thrown is no whorl::error.
  const std::source_location& origin() const noexcept;

  // The awaits that this failure came through, innermost first (S38).
  const std::vector<std::source_location>& awaits() const noexcept;
  void came_through(const std::source_location& await);

  // Everything, over several lines: message, origin, awaits.
  std::string describe() const;

 private:
  struct data;
  struct raised_error;
  static std::shared_ptr<data>& last_raised_foreign();
  explicit failure(std::shared_ptr<data> shared) noexcept : data_(std::move(shared)) {}

  std::shared_ptr<data> data_;
};

// A value, or the failure that came in its stead.
template <class T>
using outcome = std::expected<T, failure>;

}  // namespace whorl
