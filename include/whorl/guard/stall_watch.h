// Tells that a loop is held up, while it is: which callback it is in, from where that comes or who awaits it, which call
// that is in, on what it waits there or that it computes, and its stack. One thread looks at all loops that are watched,
// by the wall clock.
//
//     stall_watch guard(loop);          // on the loop's thread; whorl serve has one
//
//     warning [guard] the loop is held up loop=loop for="0.250 s" doing="asleep in read (descriptor 7, pipe:[81526])"
//       call=read at="source.cpp:40" instead="whorl::stream of whorl::connect or whorl::listen_streams, or reactor::readable"
//       callback="a timed call from deferred<void> serve(reactor &) (server.cpp:31)"
//       stack="read < fill (source.cpp:40) < handle (server.cpp:61) < ..." times=1 untold=0
//     info [guard] the loop goes on loop=loop after="1.412 s"
//
// It tells again whenever the time has doubled. Stalls are told apart by their stacks: one that was told of is told again
// a minute later at the earliest, and of all together ten a minute; the others are counted, and stalls() has them all. How
// the looking is done, and what it may disturb, says thread_look.h. A loop that has no processor because other programs do
// is not held up by its own doing, and not told of.
//
// Thread:   belongs to the loop's, all but count() and stalls(); the watch has a thread of its own, which lives while there is
//           something to watch.
// Lifetime: must be destroyed before its loop.
// Cost:     the loop's record (turn_record.h), which is kept anyway; the watch wakes four times in a limit.
//           Where the log has a sink it shares the program's descriptors with the watch: in a program without other threads
//           each call on a descriptor is then some nanoseconds longer, 2 % of an echo.
#pragma once

#include <whorl/reactor/reactor.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace whorl {

// All that were alike in their stacks.
struct stall {
  std::string doing;     // "asleep in read (descriptor 7, pipe:[81526])", "computing"
  std::string call;      // the function that waits; "": none that is known to
  std::string at;        // where the program calls it, or computes: "source.cpp:40"
  std::string instead;   // what to use on a loop
  std::string callback;  // what the loop was at, from where, or who awaits it
  std::string stack;     // "read < fill (source.cpp:40) < ..."
  std::uint64_t times = 0;
  duration longest{};
  duration total{};
};

class watched_loop;

class stall_watch {
 public:
  // 50 ms in builds of whorl with assertions, 200 ms in others.
  static const duration default_limit;

  struct options {
    std::string name = "loop";
    duration limit = default_limit;  // of one turn, not counting its sleep
  };

  explicit stall_watch(const reactor& loop);
  stall_watch(const reactor& loop, options chosen);
  stall_watch(const stall_watch&) = delete;
  stall_watch& operator=(const stall_watch&) = delete;
  ~stall_watch();

  // How many were seen, alike or not, also while they last. Thread: any.
  std::uint64_t count() const;

  // Those that were seen, the longest in all first; the time of one that goes on is not in it yet.
  // Thread: any. Cost: symbols are looked up (call_stack.h): not for a loop.
  std::vector<stall> stalls() const;

 private:
  const std::shared_ptr<watched_loop> watched_;
};

}  // namespace whorl
