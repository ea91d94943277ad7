#include "reactor/memory_backend.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <deque>
#include <utility>

#include "reactor/memory_channel.h"

namespace whorl {

class memory_listener final : public listener, public memory_source {
 public:
  memory_listener(memory_loop& loop, accept_events& events) noexcept : memory_source(loop), events_(events) {}
  ~memory_listener() override {
    network().remove_listener(*this);
    for (const auto& refused : waiting_) {
      refused->reset_on_close();
    }
  }

  // 0 or an errno.
  int start(address at, bool shared_port) {
    const int failed = network().add_listener(*this, loop().host(), at, shared_port);
    at_ = at;
    return failed;
  }

  address local_address() const override { return at_; }

  // Connects, and returns the peer's end.
  std::unique_ptr<memory_channel> take_in(memory_loop& peer, const address& to) {
    auto ends = memory_channel::make_pair(peer, loop(), to);
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
    if (told.still_stepping(this)) {
      reconsider();
    }
  }

  void reconsider() noexcept override {
    if (!waiting_.empty()) {
      become_candidate();
    }
  }

 private:
  accept_events& events_;
  address at_;
  std::deque<std::unique_ptr<memory_channel>> waiting_;
};

namespace {

// How long a kernel asks for a connection that nobody answers to (Linux with tcp_syn_retries at 6).
constexpr duration asks_in_vain = std::chrono::seconds(127);

class memory_connector final : public connector, public memory_source {
 public:
  memory_connector(memory_loop& loop, const address& to, connect_events& events) noexcept
      : memory_source(loop), to_(to), events_(events), asks_until_(due_after(network().now(), asks_in_vain)) {
    if (memory_host* host = network().find_host(loop.host(), to_)) {
      answer_due_ = due_after(network().now(), way(loop.host(), *host) + way(*host, loop.host()));
    } else {
      answer_due_ = network().now();
    }
    become_candidate_at(answer_due_);
  }

  void step() noexcept override {
    memory_host* host = network().find_host(loop().host(), to_);
    if (host == nullptr) {
      fail(EHOSTUNREACH);
    } else if (unheard(*host)) {
      if (asks_until_ <= network().now()) {
        fail(ETIMEDOUT);
      } else {
        become_candidate_at(asks_until_);
      }
    } else {
      ask(*host);
    }
  }

  void reconsider() noexcept override { become_candidate_at(answer_due_); }

 private:
  duration way(const memory_host& from, const memory_host& to) {
    const link_faults& link = network().link(from, to).faults;
    const duration range = std::max(link.most_delay - link.least_delay, duration::zero());
    return range == duration::zero()
               ? link.least_delay
               : link.least_delay + duration(network().random().choose(static_cast<std::uint64_t>(range.count())));
  }

  bool unheard(const memory_host& host) {
    return host.off || network().link(loop().host(), host).cut || network().link(host, loop().host()).cut;
  }

  void ask(const memory_host& host) {
    memory_listener* taker = network().find_listener(host, to_);
    const bool refused = network().random().hit(network().link(loop().host(), host).faults.refuse_chance);
    if (taker == nullptr || refused) {
      fail(to_.family() == AF_UNIX && taker == nullptr ? ENOENT : ECONNREFUSED);
      return;
    }
    auto connected = taker->take_in(loop(), to_);
    events_.connected(std::move(connected));
  }

  void fail(int error_number) {
    network().happened(loop().host(), "could not connect");
    events_.connect_failed(error_number);
  }

  address to_;
  connect_events& events_;
  time_point asks_until_;
  time_point answer_due_;
};

}  // namespace

result<std::unique_ptr<listener>> memory_backend::listen(const address& at, const listen_options& options,
                                                         accept_events& events) {
  auto made = std::make_unique<memory_listener>(loop_, events);
  const int failed = made->start(at, options.reuse_port);
  if (failed != 0) {
    return std::unexpected(error::system(
        failed, fmt::format("listen \"{}\"", at.to_string()),
        failed == EADDRINUSE ? "another listener of this memory_network has the address: choose another"
                             : "this simulated host has another address: listen on that, or on every address"));
  }
  return made;
}

std::unique_ptr<connector> memory_backend::connect(const address& to, connect_events& events) {
  return std::make_unique<memory_connector>(loop_, to, events);
}

result<std::unique_ptr<watch>> memory_backend::watch_once(int fd, readiness /*what*/, watch_events& /*events*/) {
  return std::unexpected(
      error(errc::unsupported,
            fmt::format("watch descriptor {}: the memory back end has no kernel to ask; use a kernel back end", fd)));
}

void memory_backend::turn(std::optional<time_point> until) noexcept {
  const time_point before = now();
  loop_.wake_due();
  loop_.wants(until);
  const bool idle = !loop_.has_candidates() && (!until || *until > before);
  if (idle) {
    rests();
    network_->idle(loop_, until);
  }
  woke_at(now(), before);
  if (idle) {
    loop_.wake_due();
  }
  loop_.step_some();
}

std::unique_ptr<backend> make_memory_backend(std::shared_ptr<memory_network> network) {
  memory_host& host = network->nameless_host();
  return std::make_unique<memory_backend>(std::move(network), host);
}

}  // namespace whorl
