#include "reactor/memory_loop.h"

#include <algorithm>

#include "reactor/memory_network.h"

namespace whorl {

memory_source::memory_source(memory_loop& loop) noexcept : loop_(loop) { member_link::insert_before(loop_.sources_); }

memory_source::~memory_source() {
  be_no_candidate();
  if (loop_.stepping_ == this) {
    loop_.stepping_ = nullptr;
  }
}

void memory_source::become_candidate() noexcept {
  if (!candidate_link::linked()) {
    candidate_link::insert_before(loop_.candidates_);
  }
}

// The earliest of several moments counts: who comes too early finds nothing to do, and asks again.
void memory_source::become_candidate_at(time_point when) noexcept {
  if (when <= network().now()) {
    become_candidate();
    return;
  }
  if (later_ && later_->first <= when) {
    return;
  }
  if (later_) {
    loop_.later_.erase(*later_);
  }
  later_ = moment(when, ++loop_.next_sequence_);
  loop_.later_.emplace(*later_, this);
}

void memory_source::be_no_candidate() noexcept {
  candidate_link::unlink();
  if (later_) {
    loop_.later_.erase(*later_);
    later_.reset();
  }
}

memory_loop::memory_loop(memory_network& network, memory_host& host) : network_(network), host_(host) {
  network_.join(*this);
}

memory_loop::~memory_loop() { network_.leave(*this); }

void memory_loop::wake_due() noexcept {
  while (!later_.empty() && later_.begin()->first.first <= network_.now()) {
    memory_source& due = *later_.begin()->second;
    due.later_.reset();
    later_.erase(later_.begin());
    due.become_candidate();
  }
}

std::optional<time_point> memory_loop::next_event() const noexcept {
  if (later_.empty()) {
    return wanted_;
  }
  const time_point next = later_.begin()->first.first;
  return std::min(wanted_.value_or(next), next);
}

// Some of the candidates, at least one, each once, in any order.
void memory_loop::step_some() noexcept {
  shuffled_.clear();
  for (ring_link* at = candidates_.next; at != &candidates_; at = at->next) {
    shuffled_.push_back(static_cast<memory_source*>(static_cast<candidate_link*>(at)));
  }
  stepped_ = !shuffled_.empty();
  if (!stepped_) {
    return;
  }
  dice& random = network_.random();
  for (std::size_t left = shuffled_.size(); left > 1; --left) {
    std::swap(shuffled_[left - 1], shuffled_[random.choose(left - 1)]);
  }
  shuffled_.resize(1 + random.choose(shuffled_.size() - 1));
  candidate_link now;  // which those that are destroyed meanwhile leave
  for (memory_source* each : shuffled_) {
    each->candidate_link::unlink();
    each->candidate_link::insert_before(now);
  }
  while (now.linked()) {
    stepping_ = static_cast<memory_source*>(static_cast<candidate_link*>(now.next));
    stepping_->candidate_link::unlink();
    const callback_scope scope("an event", {}, &typeid(*stepping_));
    stepping_->step();
    stepping_ = nullptr;
  }
}

template <class Call>
void memory_loop::for_each_source(Call call) noexcept {
  for (ring_link* at = sources_.next; at != &sources_; at = at->next) {
    call(static_cast<memory_source&>(static_cast<member_link&>(*at)));
  }
}

void memory_loop::reconsider_all() noexcept {
  for_each_source([](memory_source& each) { each.reconsider(); });
}

void memory_loop::fail(peers_see what) noexcept {
  for_each_source([what](memory_source& each) {
    each.host_failed(what);
    each.be_no_candidate();
  });
}

}  // namespace whorl
