// A descriptor_watch calls a function when a descriptor is ready, once each time it is armed.
//
// Thread:   the loop's.
// Lifetime: disarmed before its descriptor is closed: a child that has not executed its program yet may hold a copy of the
//           descriptor, and a kernel that is told nothing goes on watching that one.
#pragma once

#include <whorl/reactor/backend.h>

#include <functional>
#include <memory>
#include <utility>

namespace whorl::process {

class descriptor_watch final : private watch_events {
 public:
  explicit descriptor_watch(std::move_only_function<void() noexcept> ready) noexcept : ready_(std::move(ready)) {}
  descriptor_watch(const descriptor_watch&) = delete;
  descriptor_watch& operator=(const descriptor_watch&) = delete;

  // Fails: as backend::watch_once.
  result<void> arm(backend& io, int fd, readiness what) {
    if (watch_) return {};
    auto made = io.watch_once(fd, what, *this);
    if (!made) return std::unexpected(made.error());
    watch_ = std::move(*made);
    return {};
  }
  void disarm() noexcept { watch_.reset(); }

 private:
  void descriptor_ready() noexcept override {
    watch_.reset();
    ready_();
  }

  std::move_only_function<void() noexcept> ready_;
  std::unique_ptr<watch> watch_;
};

}  // namespace whorl::process
