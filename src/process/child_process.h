// A running child, on the loop: its pipes, its end, and its protocol.
//
// What is noticed in events and requests is told in one place, settle(), which the loop calls afterwards; only
// output_received is told where it is read. So the protocol is never called from inside its own call, and no descriptor is
// closed inside an event of its own.
//
// Thread:   the loop's.
// Lifetime: owned by the loop.
#pragma once

#include <whorl/process/child.h>
#include <whorl/process/command.h>
#include <whorl/process/process_protocol.h>
#include <whorl/reactor/owned_by_loop.h>
#include <whorl/reactor/reactor.h>

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "process/descriptor_watch.h"
#include "process/launch.h"
#include "process/pipes.h"

namespace whorl::process {

class child_process final : public child, public owned_by_loop, private pipe_owner {
 public:
  // Takes the child over, and tells its protocol process_started.
  // Fails: as backend::watch_once; the child is killed, and its protocol told nothing.
  static result<child*> open(reactor& loop, const description& wanted, launched_child launched,
                             std::unique_ptr<process_protocol> protocol);

  child_process(reactor& loop, const description& wanted, launched_child launched,
                std::unique_ptr<process_protocol> protocol);
  ~child_process() override;

  pid_t pid() const noexcept override { return pid_; }
  reactor& loop() const noexcept override { return loop_; }
  void write(int fd, std::string bytes) override;
  std::size_t unsent_bytes(int fd) const override;
  result<void> resize_terminal(terminal_size size) override;
  void close(int fd) override;
  void pause_producing(int fd) override;
  void resume_producing(int fd) override;
  result<void> signal(int number) override;
  result<void> signal_group(int number) override;
  void stop(duration grace) override;
  void end_on_exit(duration grace) override;

 private:
  // One that we write to; null when it is closed.
  struct input {
    std::unique_ptr<input_pipe> pipe;
    bool paused = false;  // writing_paused was told
  };

  backend& io() noexcept override { return loop_.io(); }
  void output_came(int child_fd, bytes_view bytes) noexcept override;
  void settle_later() noexcept override;
  void loop_stopping() noexcept override {}

  template <class Event>
  bool guarded(Event event) noexcept;
  void exit_noticed() noexcept;
  bool reap() noexcept;
  void end_group() const noexcept;
  void settle() noexcept;
  void settle_inputs() noexcept;
  void tell_marks(int fd, input& at) noexcept;
  void settle_outputs() noexcept;
  void settle_exit() noexcept;
  void count_grace() noexcept;
  void end_pipes() noexcept;
  void kill_and_reap() noexcept;
  bool everything_closed() const noexcept;
  result<void> send(int number, bool to_group);
  void ask_to_end(int number) noexcept;

  reactor& loop_;
  std::unique_ptr<process_protocol> protocol_;
  std::string program_;
  pid_t pid_;
  unique_fd pidfd_;
  descriptor_watch exit_;
  std::map<int, input> inputs_;
  std::map<int, std::unique_ptr<output_pipe>> outputs_;  // null when it is closed
  std::optional<exit_status> status_;
  std::optional<duration> end_on_exit_;
  delayed_call settling_;
  delayed_call killing_;
  delayed_call grace_;
  delayed_call looking_again_;
  bool leads_group_;
  bool ends_group_;
  bool is_terminal_ = false;
  bool started_ = false;
  bool exit_told_ = false;
  bool ended_ = false;
};

}  // namespace whorl::process
