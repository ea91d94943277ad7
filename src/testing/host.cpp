#include <fmt/format.h>
#include <whorl/testing/captured_log.h>
#include <whorl/testing/host.h>

#include <utility>

#include "reactor/memory_backend.h"
#include "testing/simulation_state.h"

namespace whorl::testing {

host::host(std::unique_ptr<state> state) noexcept : state_(std::move(state)) {
  state_->self = this;
  state_->start();
}

host::~host() = default;

const std::string& host::name() const noexcept { return state_->place.name; }

std::string host::endpoint(std::uint16_t port) const { return state_->place.at.with_port(port).to_string(); }

bool host::up() const noexcept { return state_->loop.has_value(); }

reactor& host::loop() {
  if (!up()) {
    throw misuse(fmt::format("host {} is down and has no loop: ask up() before, or restart() it", name()));
  }
  return *state_->loop;
}

void host::run(program main) {
  loop();
  state_->main = std::move(main);
  state_->start_program();
}

void host::crash(peers_see what) {
  state_->world.between_turns([state = state_.get(), what] { state->fail(what); });
}

void host::restart() {
  state_->world.between_turns([state = state_.get()] {
    state->fail(peers_see::resets);
    state->start();
  });
}

void host::state::start() {
  auto io = std::make_unique<memory_backend>(world.network, place);
  part = &io->loop();
  loop.emplace(std::move(io));
  plans_known = false;
  if (std::exchange(place.off, false)) {
    world.network->changed();
  }
  if (main) {
    world.network->happened(place, "started again");
    start_program();
  }
}

void host::state::start_program() {
  const auto ended = [this](const outcome<std::monostate>& how) {
    if (!how && !how.error().check(errc::cancelled)) {
      world.program_failure = fmt::format("the program of host {} failed: {}", place.name, how.error().describe());
    }
  };
  plans_known = false;
  loop->call_from_thread([this, ended] {
    try {
      work = main(*self).add_both(ended);
    } catch (...) {
      ended(std::unexpected(failure::current()));
    }
  });
}

// What dies with a loop tells its own about it, in vain.
void host::state::fail(peers_see what) {
  if (!loop) {
    return;
  }
  const captured_log unheard;
  world.network->happened(place, what == peers_see::resets ? "crashed" : "lost its power");
  place.off = what == peers_see::silence;
  part->fail(what);
  work.reset();
  loop.reset();
  part = nullptr;
  world.program_failure.clear();
}

bool host::state::busy() const noexcept {
  if (!loop) {
    return false;
  }
  const auto next = part->next_event();
  return !plans_known || part->has_candidates() || (next && *next <= world.network->now());
}

}  // namespace whorl::testing
