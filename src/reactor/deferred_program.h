// A random program of deferreds, as data: expressions that make deferreds, and what happens to these one after the
// other. The engine and the model (deferred_model.h) both carry it out, and must do the same.
#pragma once

#include <fmt/format.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace whorl::model {

// Something that is done to an operation (fire, fail, break) or to a root, the deferred of a whole expression.
enum class deed : std::uint8_t {
  nothing,
  fire,
  fail,
  break_promise,
  cancel,
  drop,
  detach,
  pause,
  unpause,
  attach,
  advance
};

struct action {
  deed what = deed::nothing;
  std::size_t target = 0;  // an operation or a root; for advance, nothing
  int number = 0;          // a value, the number of a failure, milliseconds, or the callbacks to attach
};

// How a callback or a coroutine answers. A missing callback passes on what came.
enum class answer : std::uint8_t { pass, value, failure, raise, raise_foreign, follow };

struct callback {
  answer with = answer::pass;
  int number = 0;  // what it adds to a value, or the number of its failure
  int inner = -1;  // the expression whose deferred it returns, for follow
  action before{};
};

// A coroutine's await: the failure ends it, or is caught, or comes as a result<int>.
enum class handling : std::uint8_t { unhandled, caught, as_result };

struct step {
  int awaited = -1;
  handling how = handling::unhandled;
  action before{};
};

enum class kind : std::uint8_t {
  operation,
  value,
  failure,
  sleep,
  callbacks,
  within,
  coroutine,
  gather,
  gather_or_cancel,
  list,
  race
};

struct expression {
  kind what = kind::value;
  int number = 0;              // the operation, the value, the number of a failure, or milliseconds
  std::vector<int> members{};  // what callbacks and within stand on, what a group waits for
  callback on_value{};
  callback on_failure{};
  std::vector<step> steps{};
  answer end = answer::value;  // of a coroutine
};

enum class canceller : std::uint8_t { none, fires, fails, does_nothing, throws };

struct program {
  std::vector<expression> expressions;  // each is evaluated at most once
  std::vector<canceller> operations;
  std::vector<int> roots;  // the expressions that are evaluated at the start
  std::vector<action> schedule;
};

class generator {
 public:
  explicit generator(std::uint64_t seed) : random_(seed) {}

  program make() {
    const std::size_t roots = 1 + below(3);
    for (std::size_t i = 0; i < roots; ++i) {
      made_.roots.push_back(any_expression(1 + below(4)));
    }
    const std::size_t happenings = 2 + below(12);
    for (std::size_t i = 0; i < happenings; ++i) {
      made_.schedule.push_back(happening());
    }
    while (made_.operations.size() < 2) {
      made_.operations.push_back(canceller::none);
    }
    for (expression& each : made_.expressions) {
      settle(each.on_value.before);
      settle(each.on_failure.before);
      for (step& one : each.steps) {
        settle(one.before);
      }
    }
    for (action& each : made_.schedule) {
      settle(each);
    }
    return std::move(made_);
  }

 private:
  std::size_t below(std::size_t limit) { return random_() % limit; }
  int number() { return static_cast<int>(below(90)) + 10; }

  // One of the values, each as often as its weight says.
  template <class T, std::size_t N>
  T one_of(const std::array<std::pair<T, unsigned>, N>& weighted) {
    std::size_t total = 0;
    for (const auto& [value, weight] : weighted) {
      total += weight;
    }
    std::size_t at = below(total);
    for (const auto& [value, weight] : weighted) {
      if (at < weight) {
        return value;
      }
      at -= weight;
    }
    return weighted[0].first;
  }

  // Chosen as a random number before all operations are known.
  void settle(action& chosen) const {
    const bool of_operation =
        chosen.what == deed::fire || chosen.what == deed::fail || chosen.what == deed::break_promise;
    chosen.target %= of_operation ? made_.operations.size() : made_.roots.size();
  }

  action side_effect() {
    static constexpr std::array<std::pair<deed, unsigned>, 7> often{{{deed::nothing, 24},
                                                                     {deed::fire, 4},
                                                                     {deed::fail, 2},
                                                                     {deed::break_promise, 1},
                                                                     {deed::cancel, 3},
                                                                     {deed::drop, 1},
                                                                     {deed::detach, 1}}};
    return {one_of(often), below(1000), number()};
  }

  action happening() {
    static constexpr std::array<std::pair<deed, unsigned>, 10> often{{{deed::fire, 30},
                                                                      {deed::fail, 10},
                                                                      {deed::break_promise, 4},
                                                                      {deed::cancel, 12},
                                                                      {deed::drop, 4},
                                                                      {deed::detach, 3},
                                                                      {deed::pause, 5},
                                                                      {deed::unpause, 6},
                                                                      {deed::attach, 6},
                                                                      {deed::advance, 20}}};
    action chosen{one_of(often), below(1000), number()};
    if (chosen.what == deed::attach) {
      chosen.number = add(any_callbacks(1));
    } else if (chosen.what == deed::advance) {
      chosen.number = static_cast<int>(below(8));
    }
    return chosen;
  }

  int add(expression made) {
    made_.expressions.push_back(std::move(made));
    return static_cast<int>(made_.expressions.size()) - 1;
  }

  int any_expression(std::size_t depth) {
    static constexpr std::array<std::pair<kind, unsigned>, 8> inner{{{kind::operation, 12},
                                                                     {kind::callbacks, 34},
                                                                     {kind::coroutine, 22},
                                                                     {kind::within, 10},
                                                                     {kind::gather, 5},
                                                                     {kind::gather_or_cancel, 7},
                                                                     {kind::list, 4},
                                                                     {kind::race, 8}}};
    const bool leaf = depth == 0 || made_.expressions.size() > 30;
    const kind chosen = leaf ? kind::operation : one_of(inner);
    switch (chosen) {
      case kind::callbacks: {
        expression made = any_callbacks(depth - 1);
        made.members = {any_expression(depth - 1)};
        return add(std::move(made));
      }
      case kind::coroutine: return add(any_coroutine(depth - 1));
      case kind::within:
        return add({.what = kind::within, .number = short_time(), .members = {any_expression(depth - 1)}});
      case kind::operation: return add(any_leaf());
      default: return add(any_group(chosen, depth - 1));
    }
  }

  int short_time() { return 1 + static_cast<int>(below(6)); }

  expression any_leaf() {
    static constexpr std::array<std::pair<kind, unsigned>, 4> often{
        {{kind::operation, 60}, {kind::value, 12}, {kind::failure, 10}, {kind::sleep, 18}}};
    static constexpr std::array<std::pair<canceller, unsigned>, 5> cancellers{{{canceller::none, 8},
                                                                               {canceller::fires, 2},
                                                                               {canceller::fails, 2},
                                                                               {canceller::does_nothing, 4},
                                                                               {canceller::throws, 1}}};
    expression made{.what = one_of(often), .number = number()};
    if (made.what == kind::operation) {
      made.number = static_cast<int>(made_.operations.size());
      made_.operations.push_back(one_of(cancellers));
    } else if (made.what == kind::sleep) {
      made.number = short_time();
    }
    return made;
  }

  callback any_callback(std::size_t depth) {
    static constexpr std::array<std::pair<answer, unsigned>, 6> often{{{answer::pass, 5},
                                                                       {answer::value, 8},
                                                                       {answer::failure, 3},
                                                                       {answer::raise, 3},
                                                                       {answer::raise_foreign, 1},
                                                                       {answer::follow, 8}}};
    callback made{.with = one_of(often), .number = number(), .before = side_effect()};
    if (made.with == answer::follow) {
      made.inner = any_expression(depth);
    }
    return made;
  }

  expression any_callbacks(std::size_t depth) {
    expression made{.what = kind::callbacks, .number = number()};
    made.on_value = any_callback(depth);
    made.on_failure = any_callback(depth);
    return made;
  }

  expression any_coroutine(std::size_t depth) {
    static constexpr std::array<std::pair<handling, unsigned>, 3> often{
        {{handling::unhandled, 4}, {handling::caught, 4}, {handling::as_result, 2}}};
    static constexpr std::array<std::pair<answer, unsigned>, 4> ends{
        {{answer::value, 10}, {answer::failure, 2}, {answer::raise, 2}, {answer::raise_foreign, 1}}};
    expression made{.what = kind::coroutine, .number = number(), .end = one_of(ends)};
    const std::size_t steps = below(4);
    for (std::size_t i = 0; i < steps; ++i) {
      made.steps.push_back({.awaited = any_expression(depth), .how = one_of(often), .before = side_effect()});
    }
    return made;
  }

  expression any_group(kind chosen, std::size_t depth) {
    expression made{.what = chosen};
    const std::size_t members = below(8) == 0 ? 0 : 1 + below(3);
    for (std::size_t i = 0; i < members; ++i) {
      made.members.push_back(any_expression(depth));
    }
    return made;
  }

  std::mt19937_64 random_;
  program made_;
};

inline std::string to_text(const action& what) {
  static constexpr std::array<std::string_view, 11> names{"nothing", "fire",  "fail",    "break",  "cancel", "drop",
                                                          "detach",  "pause", "unpause", "attach", "advance"};
  return fmt::format("{} {} ({})", names.at(static_cast<std::size_t>(what.what)), what.target, what.number);
}

inline std::string to_text(const callback& what) {
  static constexpr std::array<std::string_view, 6> names{"pass",  "value",         "failure",
                                                         "raise", "raise_foreign", "follow"};
  std::string text = fmt::format("{} {}", names.at(static_cast<std::size_t>(what.with)),
                                 what.with == answer::follow ? what.inner : what.number);
  if (what.with != answer::pass && what.before.what != deed::nothing) {
    text = fmt::format("{}, then {}", to_text(what.before), text);
  }
  return text;
}

inline std::string to_text(const expression& what) {
  static constexpr std::array<std::string_view, 11> names{"operation",        "value",  "failure",   "sleep",
                                                          "callbacks",        "within", "coroutine", "gather",
                                                          "gather_or_cancel", "list",   "race"};
  static constexpr std::array<std::string_view, 3> handlings{"unhandled", "caught", "as result"};
  std::string text = fmt::format("{} {}", names.at(static_cast<std::size_t>(what.what)), what.number);
  for (const int member : what.members) {
    text += fmt::format(" [{}]", member);
  }
  if (what.what == kind::callbacks) {
    text += fmt::format("; on value: {}; on failure: {}", to_text(what.on_value), to_text(what.on_failure));
  }
  for (const step& one : what.steps) {
    text += fmt::format("; {}, then await [{}] {}", to_text(one.before), one.awaited,
                        handlings.at(static_cast<std::size_t>(one.how)));
  }
  if (what.what == kind::coroutine) {
    text += fmt::format("; end {}", static_cast<int>(what.end));
  }
  return text;
}

inline std::string to_text(const program& what) {
  std::string text;
  for (std::size_t i = 0; i < what.expressions.size(); ++i) {
    text += fmt::format("  [{}] {}\n", i, to_text(what.expressions[i]));
  }
  for (std::size_t i = 0; i < what.operations.size(); ++i) {
    text += fmt::format("  operation {}: canceller {}\n", i, static_cast<int>(what.operations[i]));
  }
  for (std::size_t i = 0; i < what.roots.size(); ++i) {
    text += fmt::format("  root {}: [{}]\n", i, what.roots[i]);
  }
  for (const action& each : what.schedule) {
    text += fmt::format("  {}\n", to_text(each));
  }
  return text;
}

}  // namespace whorl::model
