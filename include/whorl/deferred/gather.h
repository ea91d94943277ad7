// Waiting for several deferreds at once:
//
//     auto [page, ad] = co_await gather(get(a), get(b));            // all values, or the first failure
//     auto pages = co_await gather(std::move(fetches));             // the same for a vector<deferred<T>>
//     auto both = co_await gather_or_cancel(read(a), write(b));     // a failure stops the others first
//     auto each = co_await deferred_list(std::move(fetches));       // every outcome, whatever it is
//     auto [index, page] = co_await race(std::move(mirrors));       // the first value; the losers are stopped
//
// Results are in the order of the arguments (S23). None at all gives an empty result at once; an empty race fails at
// once (S31). In a tuple, the value of a deferred<void> is a std::monostate; gathering a vector<deferred<void>> gives
// nothing.
//
// Cancel: cancels every member; the group fires when they have (S26). Dropping it unfired drops the members; a failure
//         that had come already is logged (S22), except in a race, where failing is part of the game.
// Cost:   one block from the free lists for several arguments; a vector for the members and one for the results.
//
// Twisted wraps a member's failure in FirstError, with its index. Here gather fails with the failure itself, so that
// its code, its type and its origin can be handled where gather is awaited (S24, S27).
#pragma once

#include <whorl/deferred/group.h>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

namespace whorl {

namespace detail {

// "3 of 3 failed", and each reason in the order of the members.
failure all_failed(const std::vector<failure>& failures);

struct gather_rule {
  template <class Seats>
  using result = typename Seats::values;

  template <class Group>
  void ended(Group& group, std::size_t index) {
    if (!group.fired() && group.at(index).failed()) {
      group.finish(group.at(index).take_failure());
    }
  }
  template <class Group>
  void all_began(Group& /*group*/) {}
  template <class Group>
  void all_ended(Group& group) {
    if (group.fired()) {
      return;
    }
    if constexpr (std::is_same_v<typename Group::value_type, std::monostate>) {
      group.finish();
    } else {
      group.finish(group.results().take_values());
    }
  }
};

struct gather_or_cancel_rule : gather_rule {
  gather_or_cancel_rule() = default;
  gather_or_cancel_rule(const gather_or_cancel_rule&) = delete;
  gather_or_cancel_rule& operator=(const gather_or_cancel_rule&) = delete;
  // Dropped before it could hand the failure on.
  ~gather_or_cancel_rule() {
    if (first_) {
      log_unhandled(*first_);
    }
  }

  template <class Group>
  void ended(Group& group, std::size_t index) {
    auto& seat = group.at(index);
    if (!seat.failed()) {
      return;
    }
    failure why = seat.take_failure();
    if (!first_) {
      first_ = std::move(why);
      group.stop_rest(errc::cancelled);
    } else if (!why.check(errc::cancelled)) {
      log_unhandled(why);
    }
  }
  template <class Group>
  void all_began(Group& group) {
    if (first_) {
      group.stop_rest(errc::cancelled);
    }
  }
  template <class Group>
  void all_ended(Group& group) {
    if (group.fired()) {
      return;
    }
    if (first_) {
      group.finish(*std::exchange(first_, std::nullopt));
    } else {
      gather_rule::all_ended(group);
    }
  }

 private:
  std::optional<failure> first_;
};

struct list_rule {
  template <class Seats>
  using result = typename Seats::outcomes;

  template <class Group>
  void ended(Group& /*group*/, std::size_t /*index*/) {}
  template <class Group>
  void all_began(Group& /*group*/) {}
  template <class Group>
  void all_ended(Group& group) {
    if (!group.fired()) {
      group.finish(group.results().take_outcomes());
    }
  }
};

template <class T>
struct race_rule {
  template <class Seats>
  using result = std::pair<std::size_t, stored<T>>;

  template <class Group>
  void ended(Group& group, std::size_t index) {
    auto& seat = group.at(index);
    if (seat.failed()) {
      failures_.emplace_back(index, seat.take_failure());
    } else if (!winner_) {
      winner_ = index;
      group.stop_rest(errc::cancelled);
    }
  }
  template <class Group>
  void all_began(Group& group) {
    if (winner_) {
      group.stop_rest(errc::cancelled);
    }
  }
  template <class Group>
  void all_ended(Group& group) {
    if (group.fired()) {
      return;
    }
    if (winner_) {
      group.finish(*winner_, group.results().take_value(*winner_));
      return;
    }
    std::sort(failures_.begin(), failures_.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    std::vector<failure> in_order;
    for (auto& [index, why] : failures_) {
      in_order.push_back(std::move(why));
    }
    group.finish(all_failed(in_order));
  }

 private:
  std::optional<std::size_t> winner_;
  std::vector<std::pair<std::size_t, failure>> failures_;
};

template <class Seats, class Rule, class... Members>
auto make_group(Members&&... members) {
  using value = typename Rule::template result<Seats>;
  auto* made = new group<Seats, Rule>(std::in_place, std::forward<Members>(members)...);
  auto whole = deferred_of<value>(*made);
  made->start();
  return whole;
}

}  // namespace detail

// Fires with all values, or with the first failure. The members that are then still underway go on by themselves, and
// their failures are logged (S25, S28): they must not refer to what the caller's frame holds. Where they do, use
// gather_or_cancel.
template <class... Ts>
auto gather(deferred<Ts>... members) {
  return detail::make_group<detail::few_seats<Ts...>, detail::gather_rule>(std::move(members)...);
}
template <class T>
auto gather(std::vector<deferred<T>> members) {
  return detail::make_group<detail::many_seats<T>, detail::gather_rule>(std::move(members));
}

// The same, but the first failure cancels the other members, and is handed on when they have all ended.
template <class... Ts>
auto gather_or_cancel(deferred<Ts>... members) {
  return detail::make_group<detail::few_seats<Ts...>, detail::gather_or_cancel_rule>(std::move(members)...);
}
template <class T>
auto gather_or_cancel(std::vector<deferred<T>> members) {
  return detail::make_group<detail::many_seats<T>, detail::gather_or_cancel_rule>(std::move(members));
}

// Fires when every member has, with every outcome; it fails only if it is itself cancelled before.
template <class... Ts>
auto deferred_list(deferred<Ts>... members) {
  return detail::make_group<detail::few_seats<Ts...>, detail::list_rule>(std::move(members)...);
}
template <class T>
auto deferred_list(std::vector<deferred<T>> members) {
  return detail::make_group<detail::many_seats<T>, detail::list_rule>(std::move(members));
}

// Fires with the index and the value of the first member that succeeds. The losers are cancelled, and have ended when
// it fires; what they still had to say is thrown away (S29).
// Fails: errc::all_failed, with every reason in the order of the members.
template <class T>
deferred<std::pair<std::size_t, detail::stored<T>>> race(std::vector<deferred<T>> members) {
  return detail::make_group<detail::many_seats<T>, detail::race_rule<T>>(std::move(members));
}
template <class T, std::same_as<deferred<T>>... Rest>
deferred<std::pair<std::size_t, detail::stored<T>>> race(deferred<T> first, Rest... rest) {
  std::vector<deferred<T>> members;
  members.reserve(1 + sizeof...(rest));
  members.push_back(std::move(first));
  (members.push_back(std::move(rest)), ...);
  return race(std::move(members));
}

}  // namespace whorl
