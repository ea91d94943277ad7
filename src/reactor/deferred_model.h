// What a program of deferreds must do, by the rules of the specification alone: a tree of small records, each carried
// out by plain recursion. It shares nothing with the engine but the program.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "reactor/deferred_program.h"

namespace whorl::model {

// How something ended, as text: "cancelled #c12" is an error code and the numbers of the failures that it tells of.
struct ending {
  bool failed = false;
  int value = 0;
  std::string why{};
  std::vector<ending> parts{};  // of a group
};

inline std::string to_text(const ending& how) { return how.failed ? how.why : fmt::format("{}", how.value); }

inline std::string numbers_of(std::string_view text) {
  std::string numbers;
  for (std::size_t at = text.find('#'); at != std::string_view::npos; at = text.find('#', at + 1)) {
    const std::size_t end = text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789", at + 1);
    numbers += " ";
    numbers += text.substr(at, end == std::string_view::npos ? end : end - at);
  }
  return numbers;
}

class model {
 public:
  explicit model(const program& what) : what_(what), roots_(what.roots.size()), pauses_(what.roots.size()) {
    for (std::size_t i = 0; i < what.operations.size(); ++i) {
      node& made = make(nullptr, role::operation);
      made.operation = i;
      operations_.push_back({.offered = &made, .fires = &made});
    }
  }

  void build(std::size_t root) { roots_[root] = &evaluate(what_.roots[root]); }

  void perform(const action& asked) {
    switch (asked.what) {
      case deed::nothing: return;
      case deed::fire: return fire(asked.target, {.value = asked.number});
      case deed::fail: return fire(asked.target, {.failed = true, .why = fmt::format("not_found #f{}", asked.number)});
      case deed::break_promise: return break_promise(asked.target);
      case deed::advance: return advance(asked.number);
      default: break;
    }
    node*& root = roots_[asked.target];
    if (root == nullptr) {
      return;
    }
    switch (asked.what) {
      case deed::cancel: return cancel(*root, fmt::format("cancelled #c{}", asked.number));
      case deed::drop: return drop(*std::exchange(root, nullptr));
      case deed::pause:
        ++pauses_[asked.target];
        ++held_at(*root).pauses;
        return;
      case deed::detach:
        if (pauses_[asked.target] == 0) {
          detach(*std::exchange(root, nullptr));
        }
        return;
      case deed::unpause:
        if (pauses_[asked.target] > 0) {
          --pauses_[asked.target];
          unpause(held_at(*root));
        }
        return;
      case deed::attach: {
        node& upstream = *std::exchange(root, nullptr);
        node& added = add_callbacks(upstream, what_.expressions[static_cast<std::size_t>(asked.number)]);
        roots_[asked.target] = &added;
        return;
      }
      default: return;
    }
  }

  void end() {
    for (std::size_t i = 0; i < operations_.size(); ++i) {
      break_promise(i);
    }
    advance(10'000);
    for (std::size_t i = 0; i < roots_.size(); ++i) {
      node* root = std::exchange(roots_[i], nullptr);
      if (root != nullptr && ready(*root)) {
        trace.push_back(fmt::format("root {} holds {}", i, to_text(take(*root))));
      } else if (root != nullptr) {
        trace.push_back(fmt::format("root {} is unfinished", i));
        drop(*root);
      }
    }
    for (operation& each : operations_) {
      if (each.offered != nullptr) {
        drop(*each.offered);
      }
    }
  }

  std::vector<std::string> trace;
  std::vector<std::string> logged;         // must have been logged, in any order
  std::vector<std::string> may_be_logged;  // held by a group that was dropped

 private:
  enum class role : std::uint8_t { operation, ready, sleep, callbacks, within, coroutine, group, summary };

  struct node {
    const expression* what = nullptr;
    role as = role::ready;
    std::optional<ending> held{};
    bool fired = false;
    node* waiter = nullptr;
    node* awaited = nullptr;
    int pauses = 0;
    bool detached = false;

    // While its own code runs: what was asked of it meanwhile.
    bool running = false;
    std::optional<std::string> cancel_asked{};
    node* doomed = nullptr;

    std::size_t operation = 0;
    bool has_run = false;          // callbacks: the pair has been called
    std::size_t step = 0;          // of a coroutine
    int sum = 0;                   // of a coroutine
    int timer = -1;                // of sleep and within
    bool expired = false;          // of within
    std::size_t seat = 0;          // of a member of a group
    std::vector<node*> members{};  // of a group, null once ended
    std::vector<std::optional<ending>> endings{};
    bool started = false;
    bool stopping = false;
    bool dropped = false;
    std::optional<std::size_t> decided_by{};  // gather_or_cancel: the first failure; race: the winner
  };

  struct operation {
    node* offered = nullptr;  // until an expression takes it
    node* fires = nullptr;
    bool promise_alive = true;
    bool stopping = false;
    bool abandoned = false;
    bool swallow_one = false;
  };

  struct timer {
    int due = 0;
    node* fires = nullptr;
    bool active = true;
  };

  node& make(const expression* what, role as) {
    nodes_.push_back({.what = what, .as = as});
    return nodes_.back();
  }

  int id_of(const node& of) const { return static_cast<int>(of.what - what_.expressions.data()); }

  // Making deferreds.

  node& evaluate(int id) {
    const expression& what = what_.expressions[static_cast<std::size_t>(id)];
    switch (what.what) {
      case kind::operation: return *std::exchange(operations_[static_cast<std::size_t>(what.number)].offered, nullptr);
      case kind::value: return made_ready(what, {.value = what.number});
      case kind::failure: return made_ready(what, {.failed = true, .why = fmt::format("bad_input #e{}", what.number)});
      case kind::sleep: {
        node& made = make(&what, role::sleep);
        start_timer(made, what.number);
        return made;
      }
      case kind::callbacks: return add_callbacks(evaluate(what.members[0]), what);
      case kind::within: {
        node& work = evaluate(what.members[0]);
        node& made = make(&what, role::within);
        if (!ready(work)) {
          start_timer(made, what.number);
        }
        wait(made, work);
        return made;
      }
      case kind::coroutine: {
        node& made = make(&what, role::coroutine);
        made.sum = what.number;
        go_on(made);
        return made;
      }
      default: return start_group(what);
    }
  }

  node& made_ready(const expression& what, ending how) {
    node& made = make(&what, role::ready);
    hold(made, std::move(how));
    return made;
  }

  node& add_callbacks(node& upstream, const expression& what) {
    node& made = make(&what, role::callbacks);
    wait(made, upstream);
    return made;
  }

  // Waiting and ending.

  static bool ready(const node& it) { return it.fired && it.pauses == 0; }
  static void hold(node& it, ending how) {
    it.held = std::move(how);
    it.fired = true;
  }
  static ending take(node& from) { return *std::exchange(from.held, std::nullopt); }

  void wait(node& waiter, node& awaited) {
    if (ready(awaited)) {
      receive(waiter, take(awaited));
    } else {
      waiter.awaited = &awaited;
      awaited.waiter = &waiter;
    }
  }

  void complete(node& it, ending how) {
    hold(it, std::move(how));
    hand_on(it);
  }

  void hand_on(node& it) {
    if (it.detached) {
      overlooked(it);
    } else if (it.waiter != nullptr && it.pauses == 0) {
      node& waiter = *std::exchange(it.waiter, nullptr);
      if (waiter.as == role::group) {
        member_ended(waiter, it.seat, take(it));
      } else {
        waiter.awaited = nullptr;
        receive(waiter, take(it));
      }
    }
  }

  void overlooked(const node& it) {
    if (it.held && it.held->failed) {
      logged.push_back("unhandled" + numbers_of(it.held->why));
    }
  }

  // Runs what a node does with what it waited for, and then sees to what was asked of it meanwhile.
  void receive(node& it, ending came) {
    it.running = true;
    react(it, std::move(came));
    it.running = false;
    if (it.doomed != nullptr) {
      drop(*std::exchange(it.doomed, nullptr));
    } else if (it.fired) {
      hand_on(it);
    } else if (it.cancel_asked) {
      cancel(it, *std::exchange(it.cancel_asked, std::nullopt));
    }
  }

  void react(node& it, ending came) {
    switch (it.as) {
      case role::callbacks: return it.has_run ? hold(it, std::move(came)) : call_back(it, std::move(came));
      case role::coroutine: return awaited_ended(it, std::move(came));
      case role::summary: return summarise(it, std::move(came));
      case role::within:
        stop_timer(it);
        if (came.failed && it.expired && came.why.starts_with("cancelled")) {
          came.why = "timed_out";
        }
        return hold(it, std::move(came));
      default: return;
    }
  }

  void call_back(node& it, ending came) {
    it.has_run = true;
    const callback& side = came.failed ? it.what->on_failure : it.what->on_value;
    if (side.with == answer::pass) {
      return hold(it, std::move(came));
    }
    trace.push_back(fmt::format("[{}] gets {}", id_of(it), to_text(came)));
    perform(side.before);
    if (side.with != answer::follow) {
      return hold(it, answered(side.with, side.number, came.failed ? 0 : came.value));
    }
    node& inner = evaluate(side.inner);
    if (ready(inner)) {
      hold(it, take(inner));
    } else {
      wait(it, inner);
    }
  }

  static ending answered(answer with, int number, int value) {
    switch (with) {
      case answer::failure: return {.failed = true, .why = fmt::format("bad_input #e{}", number)};
      case answer::raise: return {.failed = true, .why = fmt::format("not_found #r{}", number)};
      case answer::raise_foreign: return {.failed = true, .why = fmt::format("exception #x{}", number)};
      default: return {.value = value + number};
    }
  }

  // Coroutines.

  void go_on(node& it) {
    while (it.step < it.what->steps.size()) {
      const step& next = it.what->steps[it.step];
      perform(next.before);
      node& awaited = evaluate(next.awaited);
      if (!ready(awaited)) {
        return wait(it, awaited);
      }
      if (!step_ended(it, take(awaited))) {
        return;
      }
    }
    leave(it, answered(it.what->end, it.what->end == answer::value ? 0 : it.what->number, it.sum));
  }

  void awaited_ended(node& it, ending came) {
    if (step_ended(it, std::move(came))) {
      go_on(it);
    }
  }

  // False if the failure has ended the coroutine.
  bool step_ended(node& it, ending came) {
    const handling how = it.what->steps[it.step].how;
    const bool thrown = came.failed && (how == handling::unhandled ||
                                        (how == handling::as_result && came.why.starts_with("exception")));
    if (thrown) {
      leave(it, std::move(came));
      return false;
    }
    trace.push_back(fmt::format("[{}] step {} gets {}", id_of(it), it.step, to_text(came)));
    it.sum += came.failed ? 1 : came.value;
    ++it.step;
    return true;
  }

  void leave(node& it, ending how) {
    trace.push_back(fmt::format("[{}] is over", id_of(it)));
    hold(it, std::move(how));
  }

  // Groups.

  node& start_group(const expression& what) {
    std::vector<node*> members;
    for (const int member : what.members) {
      members.push_back(&evaluate(member));
    }
    node& group = make(&what, role::group);
    group.members = members;
    group.endings.resize(members.size());
    for (std::size_t i = 0; i < members.size(); ++i) {
      if (ready(*members[i])) {
        member_ended(group, i, take(*members[i]));
      } else {
        members[i]->waiter = &group;
        members[i]->seat = i;
      }
    }
    group.started = true;
    if (group.decided_by) {
      stop_members(group, "cancelled");
    }
    end_group_if_done(group);
    node& summary = make(&what, role::summary);
    wait(summary, group);
    return summary;
  }

  void member_ended(node& group, std::size_t index, ending how) {
    group.members[index] = nullptr;
    const bool failed = how.failed;
    switch (group.what->what) {
      case kind::gather:
        if (failed && group.fired) {
          logged.push_back("unhandled" + numbers_of(how.why));
        } else if (failed) {
          group.endings[index] = how;
          complete(group, std::move(how));
          return;
        }
        break;
      case kind::gather_or_cancel:
        if (failed && group.decided_by && !how.why.starts_with("cancelled")) {
          logged.push_back("unhandled" + numbers_of(how.why));
        } else if (failed && !group.decided_by) {
          decide(group, index, how);
        }
        break;
      case kind::race:
        if (!failed && !group.decided_by) {
          decide(group, index, how);
        }
        break;
      default: break;
    }
    if (!group.endings[index]) {
      group.endings[index] = std::move(how);
    }
    end_group_if_done(group);
  }

  // The other members are told to stop, once all have their seats.
  void decide(node& group, std::size_t index, const ending& how) {
    group.decided_by = index;
    group.endings[index] = how;
    if (group.started) {
      stop_members(group, "cancelled");
    }
  }

  static bool underway(const node* member) { return member != nullptr; }

  void end_group_if_done(node& group) {
    if (group.fired || group.dropped || !group.started || std::ranges::any_of(group.members, underway)) {
      return;
    }
    ending whole;
    for (const auto& each : group.endings) {
      whole.parts.push_back(*each);
    }
    if (group.what->what == kind::race && !group.decided_by) {
      whole.failed = true;
      whole.why = "all_failed";
      for (const ending& each : whole.parts) {
        whole.why += numbers_of(each.why);
      }
    } else if (group.what->what == kind::race) {
      whole.value = static_cast<int>(*group.decided_by);
    } else if (group.decided_by) {
      whole = *group.endings[*group.decided_by];
    }
    complete(group, std::move(whole));
  }

  // Each member is asked once, also when what one of them does makes the group stop the others.
  void stop_members(node& group, const std::string& why) {
    if (group.stopping) {
      return;
    }
    group.stopping = true;
    for (std::size_t i = 0; i < group.members.size(); ++i) {
      if (group.members[i] != nullptr) {
        cancel(*group.members[i], why);
      }
    }
    group.stopping = false;
  }

  void summarise(node& it, ending came) {
    if (came.failed) {
      return hold(it, std::move(came));
    }
    std::string parts;
    ending sum;
    if (it.what->what == kind::race) {
      const ending& won = came.parts[static_cast<std::size_t>(came.value)];
      parts = fmt::format(" {} by {}", won.value, came.value);
      sum.value = won.value;
    } else {
      for (const ending& each : came.parts) {
        parts += " " + to_text(each);
        sum.value += each.failed ? 1 : each.value;
      }
    }
    trace.push_back(fmt::format("[{}] has{}", id_of(it), parts));
    hold(it, std::move(sum));
  }

  // Operations and time.

  void fire(std::size_t index, ending how) {
    operation& it = operations_[index];
    if (!it.promise_alive || it.abandoned) {
      return;
    }
    if (!it.fires->fired) {
      complete(*it.fires, std::move(how));
    } else if (!std::exchange(it.swallow_one, false)) {
      trace.push_back(fmt::format("misuse: operation {} fired twice", index));
    }
  }

  void break_promise(std::size_t index) {
    operation& it = operations_[index];
    if (std::exchange(it.promise_alive, false) && !it.fires->fired && !it.abandoned) {
      complete(*it.fires, {.failed = true, .why = "broken_promise"});
    }
  }

  void start_timer(node& of, int delay) {
    of.timer = static_cast<int>(timers_.size());
    timers_.push_back({.due = now_ + delay, .fires = &of});
  }

  void stop_timer(const node& of) {
    if (of.timer >= 0) {
      timers_[static_cast<std::size_t>(of.timer)].active = false;
    }
  }

  void advance(int milliseconds) {
    const int until = now_ + milliseconds;
    while (true) {
      timer* next = nullptr;
      for (timer& each : timers_) {
        if (each.active && each.due <= until && (next == nullptr || each.due < next->due)) {
          next = &each;
        }
      }
      if (next == nullptr) {
        break;
      }
      next->active = false;
      now_ = std::max(now_, next->due);
      node& rung = *next->fires;
      if (rung.as == role::sleep) {
        complete(rung, {.value = rung.what->number});
      } else {
        rung.expired = true;
        cancel(rung, "cancelled");
      }
    }
    now_ = until;
  }

  // Stopping.

  static node& innermost_of(node& outer) {
    node* at = &outer;
    while (at->awaited != nullptr) {
      at = at->awaited;
    }
    return *at;
  }

  void cancel(node& outer, const std::string& why) {
    node& innermost = innermost_of(outer);
    if (innermost.fired) {
      return;
    }
    if (innermost.running) {
      innermost.cancel_asked = innermost.cancel_asked.value_or(why);
    } else if (innermost.as == role::group) {
      stop_members(innermost, why);
    } else if (innermost.as == role::sleep) {
      stop_timer(innermost);
      complete(innermost, {.failed = true, .why = why});
    } else {
      stop_operation(operations_[innermost.operation], why);
    }
  }

  void stop_operation(operation& it, const std::string& why) {
    if (std::exchange(it.stopping, true)) {
      return;
    }
    const std::optional<ending> made = ask_to_stop(it);
    if (made) {
      complete(*it.fires, *made);
    } else {
      complete(*it.fires, {.failed = true, .why = why});
    }
  }

  // Calls the canceller; what it fires, if anything.
  std::optional<ending> ask_to_stop(operation& it) {
    const std::size_t index = it.fires->operation;
    const canceller how = what_.operations[index];
    if (how == canceller::none) {
      it.swallow_one = true;
      return std::nullopt;
    }
    trace.push_back(fmt::format("operation {} is asked to stop", index));
    switch (how) {
      case canceller::fires: return ending{.value = static_cast<int>(index)};
      case canceller::fails: return ending{.failed = true, .why = fmt::format("closed #s{}", index)};
      case canceller::throws: logged.push_back(fmt::format("canceller #t{}", index)); return std::nullopt;
      default: return std::nullopt;
    }
  }

  void drop(node& outer) {
    node& innermost = innermost_of(outer);
    if (innermost.running) {
      innermost.doomed = &outer;
      return;
    }
    for (node* at = &innermost; at != nullptr;) {
      node* waiter = at == &outer ? nullptr : at->waiter;
      if (waiter != nullptr) {
        waiter->awaited = nullptr;
      }
      overlooked(*at);
      give_up(*at);
      at = waiter;
    }
  }

  void give_up(node& it) {
    stop_timer(it);
    if (it.as == role::operation && !it.fired) {
      operation& of = operations_[it.operation];
      of.abandoned = true;
      if (!std::exchange(of.stopping, true)) {
        static_cast<void>(ask_to_stop(of));
      }
    } else if (it.as == role::coroutine && !it.fired) {
      trace.push_back(fmt::format("[{}] is over", id_of(it)));
    } else if (it.as == role::group && !it.fired) {
      it.dropped = true;
      for (const auto& each : it.endings) {
        if (each && each->failed) {
          may_be_logged.push_back("unhandled" + numbers_of(each->why));
        }
      }
      for (node*& member : it.members) {
        if (member != nullptr) {
          drop(*std::exchange(member, nullptr));
        }
      }
    }
  }

  void detach(node& root) {
    if (root.fired && !root.running) {
      drop(root);
    } else {
      root.detached = true;
    }
  }

  // A pause holds what has not been called back yet.
  static node& held_at(node& root) {
    node* at = &root;
    while ((at->as == role::callbacks || at->as == role::summary) && !at->has_run && at->awaited != nullptr) {
      at = at->awaited;
    }
    return *at;
  }

  void unpause(node& it) {
    if (--it.pauses == 0 && it.fired) {
      hand_on(it);
    }
  }

  const program& what_;
  std::deque<node> nodes_;
  std::vector<operation> operations_;
  std::vector<timer> timers_;
  std::vector<node*> roots_;
  std::vector<int> pauses_;
  int now_ = 0;
};

}  // namespace whorl::model
