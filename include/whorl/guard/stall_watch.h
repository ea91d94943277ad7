// Tells that a loop is held up, while it is: which call it is in, on what it waits there or that it computes, and its
// stack. One thread looks at all loops that are watched, by the wall clock.
//
//     stall_watch guard(loop);          // on the loop's thread; whorl serve has one
//
//     warning [guard] the loop is held up loop=loop for="0.250 s" doing="asleep in read (descriptor 7, pipe:[81526])"
//       call=read instead="whorl::stream of whorl::connect or whorl::listen_streams, or reactor::readable"
//       stack="read < fill (source.cpp:40) < handle (server.cpp:61) < ..."
//     info [guard] the loop goes on loop=loop after="1.412 s"
//
// It tells again whenever the time has doubled. How the looking is done, and what it may disturb, says thread_look.h. A loop
// that has no processor because other programs do is not held up by its own doing, and not told of.
//
// Thread:   belongs to the loop's; the watch has a thread of its own, which lives while there is something to watch.
// Lifetime: must be destroyed before its loop.
// Cost:     the loop's heartbeat, which beats anyway; the watch wakes four times in a limit.
#pragma once

#include <whorl/deferred/mutex.h>
#include <whorl/guard/thread_look.h>
#include <whorl/reactor/reactor.h>

#include <chrono>
#include <cstdint>
#include <ctime>
#include <optional>
#include <string>

namespace whorl {

class stall_watch {
 public:
  struct options {
    std::string name = "loop";
    duration limit = std::chrono::milliseconds(200);  // of one turn, not counting its sleep
  };

  explicit stall_watch(const reactor& loop);
  stall_watch(const reactor& loop, options chosen);
  stall_watch(const stall_watch&) = delete;
  stall_watch& operator=(const stall_watch&) = delete;
  ~stall_watch();

 private:
  friend class loop_watcher;

  struct moment {
    time_point at;
    duration computed;  // processor time of the loop's thread until then
  };
  moment now() const noexcept;

  const options chosen_;
  const heartbeat& heart_;
  const pid_t thread_;
  clockid_t processor_time_{};

  // The watcher's own, under its lock.
  std::uint64_t count_ = 0;      // of the heartbeat, when it was last seen to change
  time_point since_;             // when that was
  duration told_{};              // after how long, of the stall underway; zero: not yet
  std::optional<moment> doubt_;  // when it seemed to compute: it has to have done so since
};

}  // namespace whorl
