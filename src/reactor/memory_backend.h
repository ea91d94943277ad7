// The memory back end: streams are pipes inside the process, time is virtual, and what happens next is drawn from a seed.
//
// Thread: the loop's.
#pragma once

#include <whorl/reactor/backend.h>

#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "reactor/memory_loop.h"
#include "reactor/memory_network.h"

namespace whorl {

class memory_backend final : public backend {
 public:
  memory_backend(std::shared_ptr<memory_network> network, memory_host& host)
      : network_(std::move(network)), loop_(*network_, host) {}

  std::string_view name() const noexcept override { return "memory"; }
  bool simulated() const noexcept override { return true; }
  time_point now() const noexcept override { return network_->now(); }

  result<std::unique_ptr<listener>> listen(const address& at, const listen_options& options,
                                           accept_events& events) override;
  std::unique_ptr<connector> connect(const address& to, connect_events& events) override;
  // Fails: always; there are no descriptors here.
  result<std::unique_ptr<watch>> watch_once(int fd, readiness what, watch_events& events) override;

  void turn(std::optional<time_point> until) noexcept override;
  void wake() noexcept override { network_->wake(); }

  memory_loop& loop() noexcept { return loop_; }

 private:
  std::shared_ptr<memory_network> network_;
  memory_loop loop_;
};

}  // namespace whorl
