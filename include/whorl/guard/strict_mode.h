// Sees every system call that callbacks of a loop make, those inside of libraries too, and tells which of them may wait.
// For tests; it needs no other build.
//
//     strict_mode strict(loop);              // on the loop's thread
//     ... loop.run() ...
//     for (const strict_finding& each : strict.findings()) std::cerr << each.describe() << '\n';
//
//     connect(9, socket:[8713], ...) may wait: the descriptor is not non-blocking; 2 times
//       in a timed call from void start(reactor &) (client.cpp:12)
//       connect < fetch (client.cpp:31) < ...
//       instead: whorl::connect
//
// The kernel hands each system call that is made while a callback runs to a signal handler (SIGSYS), which judges it by
// its arguments and then makes it, so that the program goes on as it would without. A call of a waiting kind is fine on a
// non-blocking descriptor, or with no time to wait; one that works on a file system never is, for no flag of a
// descriptor makes that wait less.
//
// Not seen: what runs between callbacks, such as the loop's own wait; what follows in a callback after it has made a
// thread or a process; other threads. Handlers of other signals must not block SIGSYS.
//
// Thread:   belongs to the loop's; one at a time on a thread.
// Lifetime: must be destroyed before its loop.
// Fails:    throws error(errc::unsupported) where the kernel or the machine cannot: see why_not().
// Cost:     some microseconds a system call that a callback makes; nothing for those that are made elsewhere.
// Source:   Documentation/admin-guide/syscall-user-dispatch.rst of Linux 5.11.
#pragma once

#include <whorl/guard/call_stack.h>
#include <whorl/reactor/reactor.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace whorl {

// All calls that came from one place.
struct strict_finding {
  std::string call;       // "connect"
  std::string arguments;  // "9, socket:[8713], ..."
  std::string why;        // "the descriptor is not non-blocking"
  std::string callback;   // in which it was first made
  std::string instead;    // what to use on a loop; "": nothing is known
  std::vector<stack_frame> stack;
  std::uint64_t times = 0;

  std::string describe() const;
};

class strict_mode {
 public:
  // Whether calls that work on file systems are findings: they wait for a disk at most.
  enum class files : std::uint8_t { are_findings, are_fine };

  explicit strict_mode(reactor& loop, files treatment = files::are_findings);
  strict_mode(const strict_mode&) = delete;
  strict_mode& operator=(const strict_mode&) = delete;
  ~strict_mode();

  // Why there is no strict mode here: an old kernel, another machine, a sanitizer. Nothing: there is.
  static std::optional<std::string> why_not();

  std::uint64_t system_calls() const noexcept;  // that were seen

  // In the order in which they were first made. Cost: symbols are looked up (call_stack.h).
  std::vector<strict_finding> findings() const;

  // Of those that found no room in the list of 64.
  std::uint64_t lost() const noexcept;

  class trap;

 private:
  const std::unique_ptr<trap> trap_;
};

}  // namespace whorl
