#include <whorl/testing/simulation.h>

#include <fmt/format.h>

#include <algorithm>

#include "testing/simulation_state.h"

namespace whorl::testing {

namespace {

// Far more turns than a program that comes to an end takes without any time passing.
constexpr std::uint64_t most_turns_at_once = 1'000'000;

constexpr link_faults local_network{.most_delay = std::chrono::milliseconds(1)};

double milliseconds(time_point at) { return static_cast<double>(at.time_since_epoch().count()) / 1e6; }

}  // namespace

simulation::state::state(std::uint64_t its_seed) : seed(its_seed), network(make_memory_network(its_seed)) {
  network->let_somebody_else_drive();
  network->set_faults(local_network);
  network->set_trace(&trace);
}

// A world ends as its hosts do in a crash.
simulation::state::~state() {
  for (const host& each : hosts) {
    each.state_->fail(peers_see::silence);
  }
}

host& simulation::state::add_host(std::string name) {
  const std::size_t number = hosts.size() + 1;
  const auto at = address::tcp(fmt::format("10.0.{}.{}", number / 250, number % 250 + (number < 250 ? 0 : 1)), 0);
  memory_host& place = network->add_host(std::move(name), at.value());
  return hosts.emplace_back(std::make_unique<host::state>(*this, place));
}

auto simulation::state::step(time_point limit) -> progress {
  if (run_due_action() || turn_somebody()) {
    return progress::some;
  }
  const auto next = next_event();
  if (!next) {
    return progress::none_ever;
  }
  if (*next > limit) {
    return progress::none_until_then;
  }
  network->advance_to(*next);
  return progress::some;
}

bool simulation::state::run_due_action() {
  if (actions_.empty() || actions_.begin()->first.first > network->now()) {
    return false;
  }
  const auto action = actions_.extract(actions_.begin());
  forget_plans();
  action.mapped()();
  return true;
}

// One of the busy hosts. When there is none, every host has one more turn: somebody may have posted a call to it, or
// set a timer on its loop, without its knowing.
bool simulation::state::turn_somebody() {
  ready_.clear();
  for (const host& each : hosts) {
    if (each.state_->busy()) {
      ready_.push_back(each.state_.get());
    }
  }
  if (!ready_.empty()) {
    turn(*ready_[network->random().choose(ready_.size() - 1)]);
    return true;
  }
  if (all_asked_) {
    return false;
  }
  forget_plans();
  all_asked_ = true;
  return !hosts.empty();
}

void simulation::state::turn(host::state& of) {
  count_turn();
  all_asked_ = all_asked_ && !of.plans_known;
  trace.mix(of.place.number);
  turning_ = true;
  of.loop->turn(std::nullopt);
  turning_ = false;
  of.plans_known = !of.part->stepped();
  all_asked_ = all_asked_ && of.plans_known;
  if (!program_failure.empty()) {
    fail(std::exchange(program_failure, {}));
  }
  run_calls_between_turns();
}

void simulation::state::between_turns(std::function<void()> call) {
  between_turns_.push_back(std::move(call));
  if (!turning_) {
    run_calls_between_turns();
  }
}

void simulation::state::run_calls_between_turns() {
  for (const auto& call : std::exchange(between_turns_, {})) {
    forget_plans();
    call();
  }
}

void simulation::state::forget_plans() noexcept {
  all_asked_ = false;
  for (const host& each : hosts) {
    each.state_->plans_known = false;
  }
}

std::optional<time_point> simulation::state::next_event() const noexcept {
  std::optional<time_point> next;
  if (!actions_.empty()) {
    next = actions_.begin()->first.first;
  }
  for (const host& each : hosts) {
    if (const auto own = each.state_->loop ? each.state_->part->next_event() : std::nullopt) {
      next = std::min(next.value_or(*own), *own);
    }
  }
  return next;
}

void simulation::state::count_turn() {
  if (std::exchange(counting_at_, network->now()) != network->now()) {
    turns_at_once_ = 0;
  }
  if (++turns_at_once_ == most_turns_at_once) {
    fail(fmt::format("{} turns without any time passing: a loop is kept busy with nothing", most_turns_at_once));
  }
}

void simulation::state::fail(std::string_view why) const {
  throw run_failed(fmt::format("seed {} fails at {:.6f} ms: {}", seed, milliseconds(network->now()), why));
}

// Who is up, and what everybody waits for.
std::string simulation::state::describe_hosts() const {
  std::string all;
  const auto add = [&all](const std::vector<pending_wait>& waits) {
    for (const pending_wait& each : waits) {
      all += "\n  " + each.describe();
    }
  };
  for (const host& each : hosts) {
    all += fmt::format("\nhost {} is {}", each.name(), each.up() ? "up" : "down");
    if (each.up()) {
      add(each.state_->loop->pending());
    }
  }
  if (const auto outside = pending_outside_loops(); !outside.empty()) {
    all += "\nmade outside of all loops:";
    add(outside);
  }
  return all;
}

simulation::simulation(std::uint64_t seed) : state_(std::make_unique<state>(seed)) {}
simulation::~simulation() = default;

std::uint64_t simulation::seed() const noexcept { return state_->seed; }
time_point simulation::now() const noexcept { return state_->network->now(); }

std::uint64_t simulation::choose(std::uint64_t most) { return state_->network->random().choose(most); }
duration simulation::choose_delay(duration longest) {
  return duration(choose(static_cast<std::uint64_t>(std::max(longest, duration::zero()).count())));
}

host& simulation::add_host(std::string name) { return state_->add_host(std::move(name)); }

void simulation::run_until(const std::function<bool()>& holds, std::string_view what) {
  state_->forget_plans();
  const time_point limit = due_after(now(), state_->patience);
  while (!holds()) {
    switch (state_->step(limit)) {
      case state::progress::some: break;
      case state::progress::none_until_then: state_->fail(fmt::format("it was waited in vain until {}", what));
      case state::progress::none_ever:
        state_->fail(fmt::format("deadlock: nothing can happen any more, and it was awaited that {}{}", what,
                                 state_->describe_hosts()));
    }
  }
}

void simulation::run_for(duration time) {
  state_->forget_plans();
  const time_point end = due_after(now(), time);
  while (state_->step(end) == state::progress::some) {
  }
  state_->network->advance_to(end);
}

void simulation::settle() { run_for(duration::zero()); }

void simulation::set_patience(duration most) { state_->patience = most; }

void simulation::after(duration delay, std::function<void()> action) {
  state_->actions_.emplace(std::pair(due_after(now(), delay), ++state_->next_action_), std::move(action));
}

void simulation::set_faults(const link_faults& everywhere) { state_->network->set_faults(everywhere); }

void simulation::set_faults(const host& from, const host& to, const link_faults& faults) {
  state_->network->link(from.state_->place, to.state_->place).faults = faults;
}

void simulation::on_connection(std::function<void(new_connection&)> hook) {
  state_->network->set_connection_hook(std::move(hook));
}

void simulation::part(const host& one, const host& other) {
  cut(one, other);
  cut(other, one);
}

void simulation::cut(const host& from, const host& to) {
  state_->network->link(from.state_->place, to.state_->place).cut = true;
  state_->network->happened(from.state_->place, "is cut off");
  state_->network->changed();
}

void simulation::heal() {
  for (const host& from : state_->hosts) {
    for (const host& to : state_->hosts) {
      state_->network->link(from.state_->place, to.state_->place).cut = false;
    }
  }
  state_->network->changed();
}

void simulation::remark(std::string_view text) { state_->trace.remark(now(), "", std::string(text)); }

std::string simulation::trace() const { return state_->trace.text(); }

}  // namespace whorl::testing
