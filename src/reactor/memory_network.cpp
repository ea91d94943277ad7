#include "reactor/memory_network.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <whorl/deferred/log.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <utility>

namespace whorl {

namespace {

constexpr std::size_t held_up_too_long = 10000;

bool is_wildcard(const address& at) noexcept {
  static const address every_v4 = address::tcp("*", 0).value();
  static const address every_v6 = address::tcp("::", 0).value();
  return at.with_port(0) == every_v4 || at.with_port(0) == every_v6;
}

// A name that each host has for itself.
bool means_this_host(const address& to) noexcept {
  static const address loopback_v6 = address::tcp("::1", 0).value();
  if (to.family() == AF_INET) {
    return (ntohl(reinterpret_cast<const sockaddr_in*>(to.raw())->sin_addr.s_addr) >> 24U) == IN_LOOPBACKNET;
  }
  return to.family() == AF_UNIX || to.with_port(0) == loopback_v6;
}

// Whether a listener at `at` gets what goes to `to`, on one host: its own address, or any with its port.
bool accepts(const address& at, const address& to) noexcept {
  return at == to || (at.port() != 0 && at.port() == to.port() && is_wildcard(at));
}

}  // namespace

memory_network::memory_network(std::uint64_t seed) : random_(seed) {
  hosts_.push_back({.number = 0, .name = "", .at = {}});
  ::sem_init(&wakes_, 0, 0);
}

memory_host& memory_network::add_host(std::string name, const address& at) {
  hosts_.push_back({.number = hosts_.size(), .name = std::move(name), .at = at});
  return hosts_.back();
}

memory_host* memory_network::find_host(memory_host& from, const address& to) noexcept {
  if (means_this_host(to)) {
    return &from;
  }
  for (memory_host& each : hosts_) {
    if (each.at == to.with_port(0)) {
      return &each;
    }
  }
  return hosts_.size() == 1 ? &nameless_host() : nullptr;
}

memory_link& memory_network::link(const memory_host& from, const memory_host& to) {
  const auto [found, added] = links_.try_emplace({from.number, to.number});
  if (added && from.number != to.number) {
    found->second.faults = between_hosts_;
  }
  return found->second;
}

void memory_network::set_faults(const link_faults& between_hosts) {
  between_hosts_ = between_hosts;
  for (auto& [ends, link] : links_) {
    if (ends.first != ends.second) {
      link.faults = between_hosts;
    }
  }
}

new_connection memory_network::describe_connection(const memory_host& from, const memory_host& to) {
  new_connection made{.number = ++connections_,
                      .from = from.name,
                      .to = to.name,
                      .there = link(from, to).faults,
                      .back = link(to, from).faults};
  if (hook_) {
    hook_(made);
  }
  return made;
}

void memory_network::changed() noexcept {
  for (memory_loop* loop : loops_) {
    loop->reconsider_all();
  }
}

bool memory_network::taken(const memory_host& on, const address& at, bool shared_port) const noexcept {
  return std::ranges::any_of(listeners_, [&](const listening& other) {
    return other.on == &on && (accepts(other.at, at) || accepts(at, other.at)) && !(shared_port && other.shared_port);
  });
}

int memory_network::add_listener(memory_listener& added, const memory_host& on, address& at, bool shared_port) {
  const bool own = on.number == 0 || means_this_host(at) || is_wildcard(at) || at.with_port(0) == on.at;
  if (!own) {
    return EADDRNOTAVAIL;
  }
  if (at.family() != AF_UNIX && at.port() == 0) {
    do {
      at = at.with_port(next_port_++);
    } while (taken(on, at, false));
  }
  if (taken(on, at, shared_port)) {
    return EADDRINUSE;
  }
  listeners_.push_back({&on, at, shared_port, &added});
  return 0;
}

void memory_network::remove_listener(memory_listener& gone) noexcept {
  std::erase_if(listeners_, [&](const listening& each) { return each.listener == &gone; });
}

memory_listener* memory_network::find_listener(const memory_host& on, const address& to) noexcept {
  std::vector<memory_listener*> found;
  for (const listening& each : listeners_) {
    if (each.on == &on && accepts(each.at, to)) {
      found.push_back(each.listener);
    }
  }
  return found.empty() ? nullptr : found[random_.choose(found.size() - 1)];
}

address memory_network::next_client_address(const memory_host& from, const address& to) noexcept {
  if (to.family() == AF_UNIX) {
    const sockaddr unnamed{.sa_family = AF_UNIX, .sa_data = {}};
    return address::from_sockaddr(&unnamed, sizeof unnamed.sa_family);
  }
  if (next_port_ < 49152) {
    next_port_ = 49152;
  }
  const bool to_itself = from.number == 0 || means_this_host(to);
  return (to_itself ? to : from.at).with_port(next_port_++);
}

void memory_network::idle(const memory_loop& loop, std::optional<time_point> until) noexcept {
  if (driven_) {
    return;
  }
  bool others_busy = false;
  for (const memory_loop* other : loops_) {
    if (other != &loop) {
      others_busy = others_busy || other->has_candidates();
    }
    if (const auto next = other->next_event()) {
      until = std::min(until.value_or(*next), *next);
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

std::shared_ptr<memory_network> make_memory_network(std::uint64_t seed) {
  return std::make_shared<memory_network>(seed);
}

}  // namespace whorl
