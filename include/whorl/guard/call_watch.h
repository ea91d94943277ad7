// Tells of calls that would hold up a loop, before they do: functions of the C library that wait, called on its thread
// while it works. And of changes of what belongs to the whole process (its working directory, environment, signals ...)
// while several threads live, on whichever thread they are made.
//
//     call_watch guard(loop);           // on the loop's thread
//
//     warning [guard] a call that waits was made on the loop loop=loop call=read on="descriptor 7, pipe:[81526]"
//       at="source.cpp:40" instead="whorl::stream of ..." times=1 stack="fill (source.cpp:40) < handle (server.cpp:61) < ..."
//     warning [guard] the working directory was changed beside other threads call=chdir at="job.cpp:12"
//       thread="main (4711)" beside="worker (4713), worker (4714)" times=1 stack="..."
//
// The same stack is told of at its first time, and when it has come ten times, a hundred times and so on; at most ten
// lines a second are written. What a call waits for and when it does not is in guard/waiting_call.h; how to permit
// one, in guard/permit_blocking.h.
//
// It sees what passes through the symbols of the C library: not what the library calls inside of itself, nor calls
// straight to the kernel, nor what computes. stall_watch sees those, afterwards.
//
// The program must be linked with the component blocking_calls, which is the wrappers; otherwise nothing is seen. There is
// none in builds with sanitizers, which wrap the same functions themselves.
//
// With WHORL_GUARD=report, throw or abort in the environment every loop of such a program has a call_watch with this
// policy, and a stall_watch. What the guard reports is then added to the file WHORL_GUARD_REPORTS, too, if that is named.
//
// Thread:   belongs to the loop's. Lifetime: must be destroyed before its loop; that waits until all has been told.
// Cost:     1 ns a call on threads that are not watched; on a loop's, what the look at its descriptor costs, about 1 us.
#pragma once

#include <whorl/deferred/error.h>
#include <whorl/guard/call_stack.h>
#include <whorl/guard/waiting_call.h>
#include <whorl/reactor/reactor.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace whorl {

// What happens to a call that would wait.
enum class on_waiting_call : std::uint8_t {
  report,    // it is told of, and goes on
  throw_it,  // it throws call_refused; one that C headers declare noexcept (locks, flock) is told of instead
  abort,     // the program ends, after one line with the stack
};

// The call was not made.
class call_refused : public misuse {
 public:
  using misuse::misuse;
};

class call_watch {
 public:
  struct options {
    std::string name = "loop";
    on_waiting_call policy = on_waiting_call::report;
  };

  explicit call_watch(const reactor& loop);
  call_watch(const reactor& loop, options chosen);
  call_watch(const call_watch&) = delete;
  call_watch& operator=(const call_watch&) = delete;
  ~call_watch();

  // Whether the wrappers are in this program.
  static bool possible() noexcept;

  // The calls that were told of, or thrown, by their stacks.
  struct found_call {
    std::string function;
    std::vector<std::uintptr_t> stack;  // from the one that called it outwards
    std::uint64_t times = 0;
  };
  std::vector<found_call> found() const;

 private:
  friend struct calls_of_loops;

  void see(const waiting_call& call);

  const options chosen_;
  const heartbeat& heart_;
  const pid_t thread_;
  call_watch* outer_;  // of this thread
  std::map<std::vector<std::uintptr_t>, found_call> found_;
  std::chrono::steady_clock::time_point second_{};  // in which lines are counted
  unsigned lines_ = 0;
};

}  // namespace whorl
