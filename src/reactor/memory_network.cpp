#include "reactor/memory_network.h"

#include <netinet/in.h>
#include <whorl/deferred/log.h>

#include <algorithm>
#include <cerrno>
#include <ctime>

namespace whorl {

namespace {

constexpr std::size_t held_up_too_long = 10000;

// Whether a listener at `at` gets what goes to `to`: its own address, or any with its port.
bool accepts(const address& at, const address& to) noexcept {
  if (at == to) {
    return true;
  }
  static const address every_v4 = address::tcp("*", 0).value();
  static const address every_v6 = address::tcp("::", 0).value();
  return at.port() != 0 && at.port() == to.port() && (at.with_port(0) == every_v4 || at.with_port(0) == every_v6);
}

}  // namespace

std::size_t memory_network::choose_chunk(std::size_t available) noexcept {
  return std::min(available, 1 + choose(std::size_t{1} << choose(16)));
}

bool memory_network::taken(const address& at, bool shared_port) const noexcept {
  return std::ranges::any_of(listeners_, [&](const listening& other) {
    return (accepts(other.at, at) || accepts(at, other.at)) && !(shared_port && other.shared_port);
  });
}

int memory_network::add_listener(memory_listener& added, address& at, bool shared_port) {
  if (at.family() != AF_UNIX && at.port() == 0) {
    do {
      at = at.with_port(next_port_++);
    } while (taken(at, false));
  }
  if (taken(at, shared_port)) {
    return EADDRINUSE;
  }
  listeners_.push_back({at, shared_port, &added});
  return 0;
}

void memory_network::remove_listener(memory_listener& gone) noexcept {
  std::erase_if(listeners_, [&](const listening& each) { return each.listener == &gone; });
}

memory_listener* memory_network::find_listener(const address& to) noexcept {
  std::vector<memory_listener*> found;
  for (const listening& each : listeners_) {
    if (accepts(each.at, to)) {
      found.push_back(each.listener);
    }
  }
  return found.empty() ? nullptr : found[choose(found.size() - 1)];
}

address memory_network::next_client_address(const address& to) noexcept {
  if (to.family() == AF_UNIX) {
    const sockaddr unnamed{.sa_family = AF_UNIX, .sa_data = {}};
    return address::from_sockaddr(&unnamed, sizeof unnamed.sa_family);
  }
  if (next_port_ < 49152) {
    next_port_ = 49152;
  }
  return to.with_port(next_port_++);
}

void memory_network::idle(const memory_loop& loop, std::optional<time_point> until) noexcept {
  bool others_busy = false;
  for (const memory_loop* other : loops_) {
    if (other != &loop) {
      others_busy = others_busy || other->has_candidates();
      if (const auto wanted = other->wanted()) {
        until = std::min(until.value_or(*wanted), *wanted);
      }
    }
  }
  if (::sem_trywait(&wakes_) == 0) {
    return;
  }
  if (others_busy || (until && *until <= now_)) {
    if (++held_up_ == held_up_too_long) {
      log(log_level::warning,
          "the virtual clock stands still, because another loop of this memory_network has something to do: turn it "
          "too");
    }
    return;
  }
  held_up_ = 0;
  if (until) {
    now_ = *until;
  } else {
    wait_for_wake();
  }
}

// With several loops only briefly: the thread that waits is also the one that would give another loop something to do.
void memory_network::wait_for_wake() noexcept {
  if (loops_.size() == 1) {
    while (::sem_wait(&wakes_) != 0 && errno == EINTR) {
    }
    return;
  }
  timespec soon{};
  ::clock_gettime(CLOCK_MONOTONIC, &soon);
  soon.tv_nsec += 1'000'000;
  soon.tv_sec += soon.tv_nsec / 1'000'000'000;
  soon.tv_nsec %= 1'000'000'000;
  ::sem_clockwait(&wakes_, CLOCK_MONOTONIC, &soon);
}

void memory_loop::add_candidate(memory_source& source) noexcept {
  if (!source.linked()) {
    source.insert_before(candidates_);
  }
}

// Some of the candidates, at least one, each once, in any order.
void memory_loop::step_some() noexcept {
  shuffled_.clear();
  for (ring_link* at = candidates_.next; at != &candidates_; at = at->next) {
    shuffled_.push_back(static_cast<memory_source*>(at));
  }
  if (shuffled_.empty()) {
    return;
  }
  for (std::size_t left = shuffled_.size(); left > 1; --left) {
    std::swap(shuffled_[left - 1], shuffled_[network_.choose(left - 1)]);
  }
  shuffled_.resize(1 + network_.choose(shuffled_.size() - 1));
  ring_link now;  // which those that are destroyed meanwhile leave
  for (memory_source* each : shuffled_) {
    each->unlink();
    each->insert_before(now);
  }
  while (now.linked()) {
    stepping_ = static_cast<memory_source*>(now.next);
    stepping_->unlink();
    stepping_->step();
    stepping_ = nullptr;
  }
}

std::shared_ptr<memory_network> make_memory_network(std::uint64_t seed) {
  return std::make_shared<memory_network>(seed);
}

}  // namespace whorl
