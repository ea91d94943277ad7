// A program that was started with the library that watches its loops, and the memory it shares with us.
//
// Signals that are sent to us alone are handed on to it; those of a terminal come to both, and the program decides.
//
// Thread: the one that started it. Lifetime: it must have ended; where we are killed, so is it.
#pragma once

#include <sys/types.h>
#include <whorl/deferred/error.h>
#include <whorl/guard/program_watch.h>
#include <whorl/reactor/time.h>
#include <whorl/reactor/unique_fd.h>

#include <csignal>
#include <memory>
#include <string>

#include "guard/watched_loops.h"

namespace whorl::detail {

class watched_program {
 public:
  static result<std::unique_ptr<watched_program>> start(const program_to_watch& wanted);
  watched_program(const watched_program&) = delete;
  watched_program& operator=(const watched_program&) = delete;
  ~watched_program();

  pid_t process() const noexcept { return process_; }
  watched_loops& loops() const noexcept { return *loops_; }

  // Sleeps so long, or until it has ended: then true.
  bool wait_for_its_end(duration most);

  int wait_status() const noexcept { return wait_status_; }

 private:
  watched_program() = default;

  result<void> share(const program_to_watch& wanted);
  result<std::string> preloaded(const program_to_watch& wanted);
  result<void> launch(const program_to_watch& wanted);
  void hand_on_signals();

  unique_fd library_;  // where its name cannot be told
  unique_fd memory_;
  watched_loops* loops_ = nullptr;
  pid_t process_ = 0;
  unique_fd end_;      // readable when it has ended
  unique_fd signals_;  // those that are handed on
  sigset_t mask_before_{};
  bool masked_ = false;
  sighandler_t pipe_before_ = SIG_ERR;
  int wait_status_ = 0;
};

}  // namespace whorl::detail
