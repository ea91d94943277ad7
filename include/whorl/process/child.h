// A child is one running process as its protocol sees it: requests, in the imperative.
//
// Thread:   the loop's; anywhere else every member throws misuse.
// Lifetime: owned by the loop; destroyed together with its protocol after process_ended. A loop that is destroyed kills
//           the children that still run (KILL), and tells their protocols.
// Fails:    writing never does: what goes wrong arrives as input_ended. Naming a descriptor that no such pipe was made for
//           throws misuse.
#pragma once

#include <whorl/deferred/error.h>
#include <whorl/process/wire.h>
#include <whorl/reactor/time.h>

#include <sys/types.h>
#include <chrono>
#include <cstddef>
#include <string>

namespace whorl {
class reactor;
}

namespace whorl::process {

class child {
 public:
  static constexpr std::size_t high_water_bytes = 65536;
  static constexpr std::size_t low_water_bytes = 16384;

  child() = default;
  child(const child&) = delete;
  child& operator=(const child&) = delete;
  virtual ~child() = default;

  virtual pid_t pid() const noexcept = 0;
  virtual reactor& loop() const noexcept = 0;

  // Queues bytes for the child's descriptor `fd`, in order, and returns at once. Ignored after close(fd), and when
  // nobody reads there any more.
  virtual void write(int fd, std::string bytes) = 0;
  virtual std::size_t unsent_bytes(int fd) const = 0;

  // As when a terminal's window changes: the child's foreground programs get SIGWINCH.
  // Fails: errc::unsupported if the child has no terminal (command::terminal), errc::closed when our end is closed.
  virtual result<void> resize_terminal(terminal_size size) = 0;

  // Closes our end of one pipe, and nothing else (S103): of one that we write to when everything is sent, of one that we
  // read from at once.
  virtual void close(int fd) = 0;

  // No output_received for `fd` until resume_producing, nor output_ended; a child that goes on writing waits.
  virtual void pause_producing(int fd) = 0;
  virtual void resume_producing(int fd) = 0;

  // Fails: std::errc::no_such_process once it has exited (S104), and the kernel's errors.
  virtual result<void> signal(int number) = 0;
  // To everybody in the child's process group. Fails: also errc::unsupported if the child shares ours.
  virtual result<void> signal_group(int number) = 0;

  // Asks the child to end, TERM now and KILL when it still runs after `grace`; its group with it if it has its own. Does
  // nothing if it has exited.
  virtual void stop(duration grace = std::chrono::seconds(5)) = 0;

  // Does not wait for grandchildren: pipes that are open `grace` after the exit are read empty and closed.
  virtual void end_on_exit(duration grace) = 0;
};

}  // namespace whorl::process
