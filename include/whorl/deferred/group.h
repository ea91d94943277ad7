// What gather, deferred_list and race are made of: a node that waits for many.
//
// A group belongs to the deferred that stands for it and to each member that is still underway: when it fires before
// they have ended, they go on by themselves, and the last one frees it.
#pragma once

#include <whorl/deferred/deferred.h>

#include <array>
#include <cstddef>
#include <span>
#include <tuple>
#include <utility>
#include <vector>

namespace whorl::detail {

class group_base;

// One member's place: waits for it in the group's name, and keeps it until its result is taken.
class seat final : public node {
 public:
  seat() = default;
  explicit seat(node& member) noexcept : member_(&member) {}
  // A failure that nobody looked at is logged now.
  ~seat() {
    if (member_ != nullptr) {
      member_->drop();
    }
  }

  void take_place(node& member) noexcept { member_ = &member; }
  // Whether the member is underway.
  bool wait_for_member(group_base& group) noexcept {
    group_ = &group;
    if (member_->ready()) {
      return false;
    }
    this->wait_for(*std::exchange(member_, nullptr));
    return true;
  }

  bool underway() const noexcept { return waited() != nullptr; }
  bool ended() const noexcept { return member_ != nullptr; }
  bool failed() const noexcept { return member_ != nullptr && member_->failed(); }

  // The member's result, once it has ended.
  failure take_failure() noexcept override {
    node& done = *std::exchange(member_, nullptr);
    failure why = done.take_failure();
    done.finished();
    return why;
  }
  template <class T>
  outcome<stored<T>> take_outcome() {
    const taken<T> done(result<T>());
    return done->take();
  }
  template <class T>
  stored<T> take_value() {
    const taken<T> done(result<T>());
    return std::move(done->value());
  }

 private:
  template <class T>
  core<T>& result() noexcept {
    return static_cast<core<T>&>(*std::exchange(member_, nullptr));
  }
  node* proceed() noexcept override;
  async_frame frame() const noexcept override { return {"a member", {}}; }
  const node* outward() const noexcept override;

  node* member_ = nullptr;  // before it is waited for, and when it has its result
  group_base* group_ = nullptr;
};

// What does not depend on types: who owns the group, and how members are stopped.
class group_base {
 public:
  // Returns who may run next.
  node* member_ended(const seat& which) noexcept {
    --underway_;
    node* next = ended(static_cast<std::size_t>(&which - seats().data()));
    disown();
    return next;
  }

 protected:
  ~group_base() = default;

  void member_began() noexcept {
    ++underway_;
    own();
  }
  std::size_t underway() const noexcept { return underway_; }

  void own() noexcept { ++owners_; }
  void disown() noexcept {
    if (--owners_ == 0) {
      destroy();
    }
  }

  // Asks every member once, also when what one of them does makes the rule stop the others.
  void stop_members(const error& reason) noexcept;
  void drop_members() noexcept;

 private:
  friend class seat;

  virtual const node& whole() const noexcept = 0;
  virtual std::span<seat> seats() noexcept = 0;
  virtual node* ended(std::size_t index) noexcept = 0;  // its outcome is in its seat
  virtual void destroy() noexcept = 0;

  std::size_t owners_ = 1;  // the deferred
  std::size_t underway_ = 0;
  bool stopping_ = false;
};

// Members of one type, as many as there are.
template <class T>
class many_seats {
 public:
  using values = std::conditional_t<std::is_void_v<T>, void, std::vector<stored<T>>>;
  using outcomes = std::vector<outcome<stored<T>>>;

  explicit many_seats(std::vector<deferred<T>> members) : seats_(members.size()) {
    for (std::size_t i = 0; i < members.size(); ++i) {
      seats_[i].take_place(node_of(std::move(members[i])));
    }
  }

  std::span<seat> all() noexcept { return seats_; }
  stored<T> take_value(std::size_t index) { return seats_[index].template take_value<T>(); }

  std::vector<stored<T>> take_values() {
    std::vector<stored<T>> values;
    values.reserve(seats_.size());
    for (auto& each : seats_) {
      values.push_back(each.template take_value<T>());
    }
    return values;
  }

  outcomes take_outcomes() {
    outcomes all;
    all.reserve(seats_.size());
    for (auto& each : seats_) {
      all.push_back(each.template take_outcome<T>());
    }
    return all;
  }

 private:
  std::vector<seat> seats_;
};

// Members each of its own type.
template <class... Ts>
class few_seats {
 public:
  using values = std::tuple<stored<Ts>...>;
  using outcomes = std::tuple<outcome<stored<Ts>>...>;

  explicit few_seats(deferred<Ts>&&... members) noexcept : seats_{seat(node_of(std::move(members)))...} {}

  std::span<seat> all() noexcept { return seats_; }
  values take_values() { return take_values(std::index_sequence_for<Ts...>()); }
  outcomes take_outcomes() { return take_outcomes(std::index_sequence_for<Ts...>()); }

 private:
  template <std::size_t... Index>
  values take_values(std::index_sequence<Index...> /*each*/) {
    return values{seats_[Index].template take_value<Ts>()...};
  }
  template <std::size_t... Index>
  outcomes take_outcomes(std::index_sequence<Index...> /*each*/) {
    return outcomes{seats_[Index].template take_outcome<Ts>()...};
  }

  std::array<seat, sizeof...(Ts)> seats_;
};

// A group whose Rule says when it has its result, and what that is:
//
//     template <class Seats> using result = ...;
//     void ended(auto& group, std::size_t index);   // that member's outcome is in its seat
//     void all_began(auto& group);                  // every seat is taken
//     void all_ended(auto& group);                  // must finish() the group if it has not fired
template <class Seats, class Rule>
class group final : public core<typename Rule::template result<Seats>>, private group_base {
 public:
  using value = typename Rule::template result<Seats>;

  template <class... Members>
  explicit group(std::in_place_t /*seats*/, Members&&... members) : seats_(std::forward<Members>(members)...) {}
  ~group() = default;

  void start() noexcept {
    own();
    const std::span<seat> all = seats_.all();
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (all[i].wait_for_member(*this)) {
        member_began();
      } else {
        rule_.ended(*this, i);
      }
    }
    started_ = true;
    rule_.all_began(*this);
    end_if_done();
    disown();
  }

  Seats& results() noexcept { return seats_; }
  seat& at(std::size_t index) noexcept { return seats_.all()[index]; }

  // The result is there. Before start() has ended nobody waits yet.
  void finish(failure why) noexcept {
    this->hold_failure(std::move(why));
    fire();
  }
  template <class... Value>
  void finish(Value&&... result) {
    this->hold_value(std::forward<Value>(result)...);
    fire();
  }

  // Until all have begun the rule waits for all_began(), so that nobody is asked twice.
  void stop_rest(const error& reason) noexcept {
    if (started_) {
      stop_members(reason);
    }
  }

 private:
  // While the group starts nobody waits yet; afterwards whoever does is run by the caller of the member that ended.
  void fire() noexcept {
    this->set_fired();
    if (started_) {
      waiter_to_run_ = this->next_to_run();
    }
  }

  void stop(const error& reason) noexcept override { stop_members(reason); }
  void dispose() noexcept override {
    if (!this->fired()) {
      dropped_ = true;
      drop_members();
    }
    disown();
  }

  // What a member does when it ends, or is stopped, may drop the whole group.
  void end_if_done() {
    if (underway() == 0 && !dropped_) {
      rule_.all_ended(*this);
    }
  }

  async_frame frame() const noexcept override { return {"of a group", {}}; }
  const node& whole() const noexcept override { return *this; }
  std::span<seat> seats() noexcept override { return seats_.all(); }
  node* ended(std::size_t index) noexcept override {
    if (started_ && !dropped_) {
      rule_.ended(*this, index);
      end_if_done();
    }
    return std::exchange(waiter_to_run_, nullptr);
  }
  void destroy() noexcept override { delete this; }

  Seats seats_;
  Rule rule_;
  node* waiter_to_run_ = nullptr;
  bool started_ = false;
  bool dropped_ = false;  // before it fired
};

}  // namespace whorl::detail
