// The trap of strict mode: the kernel stops each system call that this thread makes while its loop's gate is shut, and
// asks a signal handler, which makes the call in its stead. For x86-64; elsewhere why_not() says so.
//
// Thread:   one. What it has found may be read by that thread outside of the handler.
// Lifetime: there is one on a thread at a time.
#pragma once

#include <whorl/guard/strict_mode.h>
#include <whorl/reactor/heartbeat.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "guard/stack_copy.h"
#include "guard/system_call_judge.h"

namespace whorl {

class strict_mode::trap {
 public:
  // A call that may wait, with everything that is needed to tell of it.
  struct seen {
    const detail::known_system_call* known = nullptr;
    detail::system_call call;
    detail::wait_reason why{};
    std::array<char, 64> on{};  // what its descriptor was of
    callback_name callback;
    detail::frame_chain frames;
    detail::stack_copy stack;
    std::uint64_t times = 0;
  };

  static std::optional<std::string> why_not();

  trap(heartbeat& heart, files treatment);
  trap(const trap&) = delete;
  trap& operator=(const trap&) = delete;
  ~trap();

  std::uint64_t calls() const noexcept { return calls_; }
  std::uint64_t lost() const noexcept { return lost_; }
  std::span<const seen> findings() const noexcept { return std::span(findings_).first(count_); }

  // In the handler, with the gate open.
  void look_at(const detail::system_call& call, const ucontext_t& caller) noexcept;
  std::atomic<char>& gate() const noexcept { return heart_.gate(); }

 private:
  heartbeat& heart_;
  const pid_t thread_;
  const files treatment_;
  std::uint64_t calls_ = 0;
  std::uint64_t lost_ = 0;
  std::size_t count_ = 0;
  std::array<seen, 64> findings_;
};

}  // namespace whorl
