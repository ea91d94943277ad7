// Our ends of a child's pipes: an output_pipe is read whenever there is something, an input_pipe sends what is queued.
//
// Both only note that they have ended, and tell their owner that there is something to settle; the owner settles later, in
// no event of theirs, and closes them then.
//
// Thread:   the loop's.
// Lifetime: owned by the child; never destroyed inside their own events.
#pragma once

#include <whorl/process/wire.h>
#include <whorl/reactor/backend.h>
#include <whorl/reactor/unique_fd.h>

#include <cstddef>
#include <string>

#include "process/descriptor_watch.h"
#include "reactor/send_queue.h"

namespace whorl::process {

class pipe_owner {
 public:
  virtual backend& io() noexcept = 0;
  virtual void output_came(int child_fd, bytes_view bytes) noexcept = 0;
  virtual void settle_later() noexcept = 0;

 protected:
  ~pipe_owner() = default;
};

class output_pipe {
 public:
  output_pipe(pipe_owner& owner, int child_fd, unique_fd fd) noexcept;

  void pause() noexcept;
  void resume() noexcept;
  void end() noexcept;
  bool ended() const noexcept { return ended_; }

  // Where it is a terminal. Returns an errno.
  int resize_terminal(terminal_size size) noexcept;

  // Reads what is there now, up to a limit that no honest pipe holds more than, and ends.
  void drain() noexcept;

 private:
  void ready() noexcept;
  bool read_once() noexcept;  // false: there is nothing now, or never will be
  void receive() noexcept;

  pipe_owner& owner_;
  unique_fd fd_;
  descriptor_watch readable_;
  int child_fd_;
  bool paused_ = false;
  bool ended_ = false;
};

class input_pipe {
 public:
  enum class kind { pipe, terminal };

  input_pipe(pipe_owner& owner, kind what, unique_fd fd) noexcept;

  void write(std::string bytes);
  std::size_t unsent_bytes() const noexcept { return unsent_.bytes(); }
  // Sends what can be sent without waiting; the owner's part of settling.
  void flush() noexcept;
  // Ends when everything is sent.
  void close() noexcept;
  void end() noexcept;
  bool ended() const noexcept { return ended_; }

 private:
  bool write_once() noexcept;  // false: no more now

  pipe_owner& owner_;
  unique_fd fd_;
  send_queue unsent_;
  descriptor_watch writable_;
  descriptor_watch hung_up_;
  bool closing_ = false;
  bool ended_ = false;
};

}  // namespace whorl::process
