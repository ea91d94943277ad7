// Whether a call would wait if it were made now, and for what: nothing here waits, and nothing changes.
//
// Thread: any, with `unobserved` on: the functions that are asked here are wrapped themselves.
#pragma once

#include <sys/uio.h>
#include <sys/wait.h>
#include <whorl/facts/fact.h>

#include <cstddef>
#include <cstdio>
#include <ctime>

namespace whorl::calls {

struct expected_wait {
  facts::blocking_class waits_for = facts::blocking_class::never;
  int descriptor = -1;
};

inline constexpr expected_wait no_wait{};

// What cannot be known beforehand is expected to wait.
constexpr expected_wait waits(facts::blocking_class what, int descriptor = -1) noexcept { return {what, descriptor}; }
constexpr expected_wait waits_if(bool really, facts::blocking_class what, int descriptor = -1) noexcept {
  return really ? waits(what, descriptor) : no_wait;
}

// On a descriptor: it waits unless that is non-blocking, ready, or a file's.
expected_wait input(int descriptor) noexcept;
expected_wait output(int descriptor, std::size_t bytes = 1) noexcept;
expected_wait output(int descriptor, const iovec* parts, int count) noexcept;
expected_wait connecting(int descriptor) noexcept;

// The same of a stream of the C library, which may hold bytes.
expected_wait input(std::FILE* stream) noexcept;
expected_wait output(std::FILE* stream) noexcept;

// Only the opening of a FIFO waits, for its other end.
expected_wait opening(int folder, const char* path, int flags) noexcept;

// A time-out; null: without limit.
expected_wait sleeping(const timespec* time) noexcept;
expected_wait sleeping_until(clockid_t clock, const timespec* time) noexcept;

// For a child to change its state, or for any.
expected_wait child(idtype_t which, id_t id, int options) noexcept;
expected_wait child(pid_t pid, int options) noexcept;  // as waitpid takes it

// For a name; numbers are not looked up.
expected_wait name_of_host(const char* name) noexcept;

}  // namespace whorl::calls
