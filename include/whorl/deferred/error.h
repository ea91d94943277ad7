// An error says what the world did to an operation: refused, closed, timed out, not found, bad input.
// A result<T> is a T or an error. Broken promises by the programmer are exceptions of type misuse instead.
#pragma once

#include <exception>
#include <expected>
#include <memory>
#include <source_location>
#include <stdexcept>
#include <string>
#include <system_error>

namespace whorl {

// The conditions that whorl itself reports; what the kernel reports keeps its errno (std::system_category).
enum class errc {
  cancelled = 1,       // somebody asked for the operation to stop
  timed_out,           // its time limit passed
  connection_done,     // the connection ended in order, from either side
  connection_lost,     // the connection broke, or its loop was shut down
  connection_aborted,  // this side aborted the connection
  closed,              // the object was closed before
  not_found,
  bad_input,
  too_large,       // a limit on size was exceeded
  full,            // a bounded queue refuses
  shutting_down,   // the loop, the pool or the lane is stopping
  all_failed,      // every one of several attempts failed
  broken_promise,  // the promise died without firing its deferred
  exception,       // an exception that is not an error; see failure::exception
  unsupported,     // this platform, back end or address cannot do it
  conflict,        // the object's present state forbids it
};

std::error_code make_error_code(errc code) noexcept;

// Thread:   a value; copies share their immutable text and may go to any thread.
// Lifetime: owns everything it says.
class error : public std::exception {
 public:
  using location = std::source_location;

  // NOLINTBEGIN(google-explicit-constructor): a function that returns a result<T> may return a bare code.
  error(errc code, location where = location::current()) : error(make_error_code(code), where) {}
  error(std::error_code code, location where = location::current()) noexcept : code_(code), where_(where) {}
  // NOLINTEND(google-explicit-constructor)
  error(errc code, std::string message, location where = location::current());
  error(std::error_code code, std::string message, location where = location::current());

  // The kernel's errno for an operation on an object: error::system(ECONNREFUSED, "connect \"tcp:127.0.0.1:1\"").
  // `hint`, when given, says what to do about it.
  static error system(int error_number, std::string doing, std::string hint = {}, location where = location::current());

  const std::error_code& code() const noexcept { return code_; }
  bool is(errc code) const noexcept { return code_ == make_error_code(code); }
  std::string message() const { return what(); }
  const char* what() const noexcept override;

  // Where in the source it arose.
  const location& where() const noexcept { return where_; }

 private:
  std::error_code code_;
  std::shared_ptr<const std::string> message_;  // none: the code's own text
  location where_;
};

template <class T>
using result = std::expected<T, error>;

// A promise that the programmer broke: an object used on the wrong thread, a deferred fired twice. The message says
// what was done, why it is wrong and what to do.
class misuse : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

}  // namespace whorl

template <>
struct std::is_error_code_enum<whorl::errc> : std::true_type {};
