#include <fmt/format.h>
#include <whorl/reactor/backend.h>

#include <cerrno>
#include <deque>
#include <utility>

#include "reactor/memory_channel.h"
#include "reactor/memory_network.h"

namespace whorl {

class memory_listener final : public listener, public memory_source {
 public:
  memory_listener(memory_loop& loop, accept_events& events) noexcept : memory_source(loop), events_(events) {}
  ~memory_listener() override {
    loop().network().remove_listener(*this);
    for (const auto& refused : waiting_) {
      refused->reset_on_close();
    }
  }

  // 0 or an errno.
  int start(address at, bool shared_port) {
    const int failed = loop().network().add_listener(*this, at, shared_port);
    at_ = at;
    return failed;
  }

  address local_address() const override { return at_; }

  // Connects, and returns the peer's end.
  std::unique_ptr<memory_channel> take_in(memory_loop& peer, const address& to) {
    auto ends = memory_channel::make_pair(peer, loop(), peer.network().next_client_address(to), to);
    waiting_.push_back(std::move(ends.second));
    become_candidate();
    return std::move(ends.first);
  }

  void step() noexcept override {
    if (waiting_.empty()) {
      return;
    }
    const memory_loop& told = loop();
    auto next = std::move(waiting_.front());
    waiting_.pop_front();
    events_.accepted(std::move(next));
    if (told.still_stepping(this) && !waiting_.empty()) {
      become_candidate();
    }
  }

 private:
  accept_events& events_;
  address at_;
  std::deque<std::unique_ptr<memory_channel>> waiting_;
};

namespace {

class memory_connector final : public connector, public memory_source {
 public:
  memory_connector(memory_loop& loop, const address& to, connect_events& events) noexcept
      : memory_source(loop), to_(to), events_(events) {
    become_candidate();
  }

  void step() noexcept override {
    if (memory_listener* taker = loop().network().find_listener(to_)) {
      events_.connected(taker->take_in(loop(), to_));
    } else {
      events_.connect_failed(to_.family() == AF_UNIX ? ENOENT : ECONNREFUSED);
    }
  }

 private:
  address to_;
  connect_events& events_;
};

class memory_backend final : public backend {
 public:
  explicit memory_backend(std::shared_ptr<memory_network> network) : network_(std::move(network)), loop_(*network_) {}

  std::string_view name() const noexcept override { return "memory"; }
  bool simulated() const noexcept override { return true; }
  time_point now() const noexcept override { return network_->now(); }

  result<std::unique_ptr<listener>> listen(const address& at, const listen_options& options,
                                           accept_events& events) override {
    auto made = std::make_unique<memory_listener>(loop_, events);
    if (const int failed = made->start(at, options.reuse_port); failed != 0) {
      return std::unexpected(error::system(failed, fmt::format("listen \"{}\"", at.to_string()),
                                           "another listener of this memory_network has the address: choose another"));
    }
    return made;
  }

  std::unique_ptr<connector> connect(const address& to, connect_events& events) override {
    return std::make_unique<memory_connector>(loop_, to, events);
  }

  result<std::unique_ptr<watch>> watch_once(int fd, readiness /*what*/, watch_events& /*events*/) override {
    return std::unexpected(
        error(errc::unsupported,
              fmt::format("watch descriptor {}: the memory back end has no kernel to ask; use a kernel back end", fd)));
  }

  void turn(std::optional<time_point> until) noexcept override {
    const time_point before = now();
    loop_.wants(until);
    if (!loop_.has_candidates() && (!until || *until > before)) {
      network_->idle(loop_, until);
    }
    waited_ = now() - before;
    loop_.step_some();
  }

  void wake() noexcept override { network_->wake(); }

 private:
  std::shared_ptr<memory_network> network_;
  memory_loop loop_;
};

}  // namespace

std::unique_ptr<backend> make_memory_backend(std::shared_ptr<memory_network> network) {
  return std::make_unique<memory_backend>(std::move(network));
}

}  // namespace whorl
