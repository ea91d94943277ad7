// What gather, deferred_list and race are made of: a node that waits for many.
//
// A group belongs to the deferred that stands for it and to each member that is still underway: when it fires before
// they have ended, they go on by themselves, and the last one frees it.
#pragma once

#include <whorl/deferred/deferred.h>

#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

namespace whorl::detail {

class group_base;

// One member's place: waits for it in the group's name.
class seat : public node {
 public:
  void belong_to(group_base& group, std::size_t index) noexcept {
    group_ = &group;
    index_ = index;
    detached_ = true;
  }
  bool underway() const noexcept { return waited() != nullptr; }
  bool ended() const noexcept { return ended_ != nullptr; }
  bool failed() const noexcept { return ended_ != nullptr && ended_->failed(); }
  virtual failure take_failure() noexcept = 0;

 protected:
  // A failure that nobody looked at is logged now.
  ~seat() {
    if (ended_ != nullptr) {
      ended_->drop();
    }
  }

  node* ended_ = nullptr;  // the member, when it has its result

 private:
  void resume() noexcept final {
    ended_ = this->take_waited();
    this->set_fired();
  }
  void dispose() noexcept final;
  void report_unhandled() noexcept final {}
  async_frame frame() const noexcept final { return {"a member", {}}; }
  const node* outward() const noexcept final;

  group_base* group_ = nullptr;
  std::size_t index_ = 0;
};

// What does not depend on types: who owns the group, and how members are stopped.
class group_base {
 public:
  void member_ended(std::size_t index) noexcept {
    --underway_;
    ended(index);
    disown();
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
  virtual std::size_t size() const noexcept = 0;
  virtual seat& seat_at(std::size_t index) noexcept = 0;
  virtual void ended(std::size_t index) noexcept = 0;  // its outcome is in its seat
  virtual void destroy() noexcept = 0;

  std::size_t owners_ = 1;  // the deferred
  std::size_t underway_ = 0;
  bool stopping_ = false;
};

// A seat that knows its member's type. It keeps the member until its result is taken.
template <class T>
class member final : public seat {
 public:
  ~member() = default;

  // Whether it is underway.
  bool wait_for_member(deferred<T>&& awaited) noexcept {
    core<T>& waited = node_of(std::move(awaited));
    if (waited.ready()) {
      ended_ = &waited;
      return false;
    }
    this->wait_for(waited, std::source_location());
    return true;
  }

  failure take_failure() noexcept override {
    const taken<T> done(result());
    return done->take_failure();
  }
  outcome<stored<T>> take_outcome() {
    const taken<T> done(result());
    return done->take();
  }
  stored<T> take_value() {
    const taken<T> done(result());
    return std::move(done->value());
  }

 private:
  core<T>& result() noexcept { return static_cast<core<T>&>(*std::exchange(ended_, nullptr)); }
};

// Members of one type, as many as there are.
template <class T>
class many_seats {
 public:
  using values = std::conditional_t<std::is_void_v<T>, void, std::vector<stored<T>>>;
  using outcomes = std::vector<outcome<stored<T>>>;

  explicit many_seats(std::vector<deferred<T>> members) : members_(members.size()), awaited_(std::move(members)) {}

  std::size_t size() const noexcept { return members_.size(); }
  member<T>& at(std::size_t index) noexcept { return members_[index]; }

  template <class Visit>
  void take_places(Visit visit) {
    for (std::size_t i = 0; i < members_.size(); ++i) {
      visit(members_[i], std::move(awaited_[i]), i);
    }
    awaited_.clear();
  }

  std::vector<stored<T>> take_values() {
    std::vector<stored<T>> all;
    all.reserve(members_.size());
    for (auto& each : members_) {
      all.push_back(each.take_value());
    }
    return all;
  }

  outcomes take_outcomes() {
    outcomes all;
    all.reserve(members_.size());
    for (auto& each : members_) {
      all.push_back(each.take_outcome());
    }
    return all;
  }

 private:
  std::vector<member<T>> members_;
  std::vector<deferred<T>> awaited_;
};

// Members each of its own type.
template <class... Ts>
class few_seats {
 public:
  using values = std::tuple<stored<Ts>...>;
  using outcomes = std::tuple<outcome<stored<Ts>>...>;

  explicit few_seats(deferred<Ts>&&... members) : awaited_(std::move(members)...) {
    std::apply([this](auto&... each) { by_index_ = {&each...}; }, members_);
  }

  static constexpr std::size_t size() noexcept { return sizeof...(Ts); }
  seat& at(std::size_t index) noexcept { return *by_index_[index]; }

  template <class Visit>
  void take_places(Visit visit) {
    take_places(visit, std::index_sequence_for<Ts...>());
  }

  values take_values() {
    return std::apply([](auto&... each) { return values(each.take_value()...); }, members_);
  }
  outcomes take_outcomes() {
    return std::apply([](auto&... each) { return outcomes(each.take_outcome()...); }, members_);
  }

 private:
  template <class Visit, std::size_t... Index>
  void take_places(Visit& visit, std::index_sequence<Index...> /*each*/) {
    (visit(std::get<Index>(members_), std::move(std::get<Index>(awaited_)), Index), ...);
  }

  std::tuple<member<Ts>...> members_;
  std::array<seat*, sizeof...(Ts)> by_index_;
  std::tuple<deferred<Ts>...> awaited_;
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
    seats_.take_places([this](auto& place, auto&& awaited, std::size_t index) {
      place.belong_to(*this, index);
      if (place.wait_for_member(std::forward<decltype(awaited)>(awaited))) {
        member_began();
      } else {
        rule_.ended(*this, index);
      }
    });
    started_ = true;
    rule_.all_began(*this);
    end_if_done();
    disown();
  }

  Seats& seats() noexcept { return seats_; }

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
  void fire() noexcept {
    this->set_fired();
    if (started_) {
      own();
      this->run_waiter();
      disown();
    }
  }

  void resume() noexcept override {}
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
  std::size_t size() const noexcept override { return seats_.size(); }
  seat& seat_at(std::size_t index) noexcept override { return seats_.at(index); }
  void ended(std::size_t index) noexcept override {
    if (started_ && !dropped_) {
      rule_.ended(*this, index);
      end_if_done();
    }
  }
  void destroy() noexcept override { delete this; }

  Seats seats_;
  Rule rule_;
  bool started_ = false;
  bool dropped_ = false;  // before it fired
};

}  // namespace whorl::detail
