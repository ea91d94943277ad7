// A pool_worker is one worker process as its pool sees it: starting, idle, running a call, or ending.
//
// Thread:   the loop's.
// Lifetime: owned by its child, so it dies when that has ended; its owner is told before. Nothing that it says is trusted:
//           what it cannot honestly have said gets it killed.
#pragma once

#include <whorl/deferred/deferred.h>
#include <whorl/process/child.h>
#include <whorl/process/process_pool.h>
#include <whorl/process/process_protocol.h>
#include <whorl/reactor/reactor.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "process/worker_frame.h"

namespace whorl::process {

struct pool_call {
  std::uint64_t serial;
  std::string function;
  std::string arguments;
  promise<std::string> answer;
  time_point since;  // it waits, then runs
};

class pool_worker;

class worker_owner {
 public:
  worker_owner() = default;
  worker_owner(const worker_owner&) = delete;
  worker_owner& operator=(const worker_owner&) = delete;

  virtual const process_pool_options& options() const noexcept = 0;
  virtual reactor& loop() const noexcept = 0;

  // It can be given its first call.
  virtual void worker_ready(pool_worker& worker) = 0;
  // It can be given the next, or be retired.
  virtual void call_answered(pool_worker& worker, pool_call call, result<std::string> answer) = 0;
  // The process is gone; `call` is what it was running.
  virtual void worker_ended(pool_worker& worker, std::optional<pool_call> call, error why) = 0;

 protected:
  ~worker_owner() = default;
};

class pool_worker final : public process_protocol {
 public:
  pool_worker(std::shared_ptr<worker_owner> owner, shared_memory memory) noexcept;

  bool idle() const noexcept { return phase_ == phase::idle; }
  bool running() const noexcept { return call_.has_value(); }
  bool runs(std::uint64_t serial) const noexcept { return call_ && call_->serial == serial; }
  std::uint64_t calls() const noexcept { return calls_; }  // begun
  std::uint64_t resident_bytes() const noexcept { return resident_bytes_; }
  bool ending() const noexcept { return phase_ == phase::ending; }

  // Needs to be idle. Fails: what the kernel says; the call is the caller's again.
  result<void> begin(pool_call& call);
  // Asks the process to end.
  void retire();
  // As retire, for a call that is to fail with this.
  void stop_call(error why);
  // As retire; nobody waits for the call any more.
  void forget_call();
  // The owner is gone: kills the process, and hands over its call.
  std::optional<pool_call> disown();

  void process_started(child& started) override;
  void output_received(int fd, bytes_view bytes) override;
  void process_exited(const exit_status& how) override;
  void process_ended(const exit_status& how) override;

 private:
  enum class phase : std::uint8_t { starting, idle, running, ending };

  void answer_received(bytes_view bytes);
  bool take_frame();
  void take_answer(const frame_header& header, std::string_view in_pipe);
  result<std::string> payload_of(const frame_header& header, std::string_view in_pipe) const;
  void distrust(const std::string& what);
  error reason(const exit_status& how) const;
  std::string subject() const;

  std::shared_ptr<worker_owner> owner_;
  const shared_memory memory_;
  child* child_ = nullptr;
  phase phase_ = phase::starting;
  std::optional<pool_call> call_;
  std::optional<error> why_;  // the pool stopped it
  std::string unread_;        // the beginning of a frame
  std::string last_output_;
  delayed_call limit_;
  std::uint64_t calls_ = 0;
  std::uint64_t resident_bytes_ = 0;
  std::size_t arguments_in_memory_ = 0;
};

}  // namespace whorl::process
