// Random programs of deferreds, carried out by the engine and by a model of the rules: both must tell the same story.
//
//   WHORL_PROGRAMS=1000000   how many (20,000; 2,000 in a sanitized build)
//   WHORL_SEED=17            the first seed; with WHORL_PROGRAMS=1, just that program
//
// A difference is shown with the smallest program that still has it.
#include "reactor/deferred_model.h"

#include <gtest/gtest.h>
#include <whorl/deferred/deferred.h>
#include <whorl/deferred/gather.h>
#include <whorl/deferred/log.h>
#include <whorl/deferred/platform.h>
#include <whorl/reactor/reactor.h>
#include <whorl/reactor/within.h>

#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <stdexcept>

namespace whorl {
namespace {

using model::action;
using model::answer;
using model::callback;
using model::canceller;
using model::deed;
using model::ending;
using model::expression;
using model::handling;
using model::kind;
using model::program;

std::string code_name(const std::error_code& code) {
  if (code == errc::cancelled) {
    return "cancelled";
  }
  if (code == errc::timed_out) {
    return "timed_out";
  }
  if (code == errc::broken_promise) {
    return "broken_promise";
  }
  if (code == errc::all_failed) {
    return "all_failed";
  }
  if (code == errc::exception) {
    return "exception";
  }
  if (code == errc::not_found) {
    return "not_found";
  }
  if (code == errc::closed) {
    return "closed";
  }
  return code == errc::bad_input ? "bad_input" : code.message();
}

std::string to_text(const error& why) { return code_name(why.code()) + model::numbers_of(why.what()); }
std::string to_text(const failure& why) { return to_text(why.error()); }
std::string to_text(int value) { return fmt::format("{}", value); }
std::string to_text(const outcome<int>& how) { return how ? to_text(*how) : to_text(how.error()); }
std::string to_text(const result<int>& how) { return how ? to_text(*how) : to_text(how.error()); }

error numbered(errc code, char mark, int number) { return {code, fmt::format("#{}{}", mark, number)}; }

// Carries a program out with real deferreds, on a loop with a virtual clock.
class engine {
 public:
  engine(reactor& loop, const program& what)
      : loop_(loop), what_(what), roots_(what.roots.size()), pauses_(what.roots.size()) {
    for (std::size_t i = 0; i < what.operations.size(); ++i) {
      promises_.emplace_back(make_promise(i));
      offered_.emplace_back(promises_.back()->get_deferred());
    }
  }

  void build(std::size_t root) { roots_[root] = evaluate(what_.roots[root]); }

  void perform(const action& asked) {
    switch (asked.what) {
      case deed::nothing: return;
      case deed::fire: return fire(asked.target, [&](promise<int>& fired) { fired.callback(asked.number); });
      case deed::fail:
        return fire(asked.target,
                    [&](promise<int>& fired) { fired.errback(numbered(errc::not_found, 'f', asked.number)); });
      case deed::break_promise: std::exchange(promises_[asked.target], std::nullopt).reset(); return;
      case deed::advance: return advance(std::chrono::milliseconds(asked.number));
      default: break;
    }
    if (roots_[asked.target]) {
      perform_on(*roots_[asked.target], asked);
    }
  }

  void end() {
    for (auto& each : promises_) {
      std::exchange(each, std::nullopt).reset();
    }
    advance(std::chrono::seconds(10));
    for (std::size_t i = 0; i < roots_.size(); ++i) {
      auto root = std::exchange(roots_[i], std::nullopt);
      if (root && root->ready()) {
        trace.push_back(fmt::format("root {} holds {}", i, to_text(std::move(*root).take())));
      } else if (root) {
        trace.push_back(fmt::format("root {} is unfinished", i));
      }
    }
    offered_.clear();
  }

  std::vector<std::string> trace;

 private:
  promise<int> make_promise(std::size_t index) {
    if (what_.operations[index] == canceller::none) {
      return promise<int>();
    }
    return promise<int>([this, index](promise<int>& asked) { stop(index, asked); });
  }

  void stop(std::size_t index, promise<int>& asked) {
    trace.push_back(fmt::format("operation {} is asked to stop", index));
    const int number = static_cast<int>(index);
    switch (what_.operations[index]) {
      case canceller::fires: asked.callback(number); return;
      case canceller::fails: asked.errback(numbered(errc::closed, 's', number)); return;
      case canceller::throws: throw numbered(errc::bad_input, 't', number);
      default: return;
    }
  }

  template <class Fire>
  void fire(std::size_t index, Fire how) {
    if (!promises_[index]) {
      return;
    }
    try {
      how(*promises_[index]);
    } catch (const misuse&) {
      trace.push_back(fmt::format("misuse: operation {} fired twice", index));
    }
  }

  void perform_on(deferred<int>& root, const action& asked) {
    int& pauses = pauses_[asked.target];
    switch (asked.what) {
      case deed::cancel: root.cancel(numbered(errc::cancelled, 'c', asked.number)); return;
      case deed::drop: std::exchange(roots_[asked.target], std::nullopt).reset(); return;
      case deed::detach:
        if (pauses == 0) {
          std::move(*std::exchange(roots_[asked.target], std::nullopt)).detach();
        }
        return;
      case deed::pause:
        ++pauses;
        root.pause();
        return;
      case deed::unpause:
        if (pauses > 0) {
          --pauses;
          root.unpause();
        }
        return;
      case deed::attach: {
        deferred<int> upstream = *std::exchange(roots_[asked.target], std::nullopt);
        roots_[asked.target] = add_callbacks(std::move(upstream), at(asked.number));
        return;
      }
      default: return;
    }
  }

  void advance(duration by) {
    const time_point until = loop_.now() + by;
    while (loop_.now() < until) {
      loop_.turn(until);
    }
    loop_.turn(until);
  }

  const expression& at(int id) const { return what_.expressions[static_cast<std::size_t>(id)]; }
  int id_of(const expression& of) const { return static_cast<int>(&of - what_.expressions.data()); }

  deferred<int> evaluate(int id) {
    const expression& what = at(id);
    switch (what.what) {
      case kind::operation: return *std::exchange(offered_[static_cast<std::size_t>(what.number)], std::nullopt);
      case kind::value: return succeed(what.number);
      case kind::failure: return fail<int>(numbered(errc::bad_input, 'e', what.number));
      case kind::sleep:
        return loop_.sleep(std::chrono::milliseconds(what.number)).add_callback([number = what.number] {
          return number;
        });
      case kind::callbacks: return add_callbacks(evaluate(what.members[0]), what);
      case kind::within: return within(loop_, evaluate(what.members[0]), std::chrono::milliseconds(what.number));
      case kind::coroutine: return take_steps(this, &what);
      default: return evaluate_group(what);
    }
  }

  deferred<int> evaluate_group(const expression& what) {
    std::vector<deferred<int>> members;
    for (const int member : what.members) {
      members.push_back(evaluate(member));
    }
    const auto sum = [this, &what](const auto& parts) { return sum_up(what, parts); };
    switch (what.what) {
      case kind::gather: return gather(std::move(members)).add_callback(sum);
      case kind::gather_or_cancel: return gather_or_cancel(std::move(members)).add_callback(sum);
      case kind::list: return deferred_list(std::move(members)).add_callback(sum);
      default:
        return race(std::move(members)).add_callback([this, &what](std::pair<std::size_t, int> won) {
          trace.push_back(fmt::format("[{}] has {} by {}", id_of(what), won.second, won.first));
          return won.second;
        });
    }
  }

  static int value_of(int part) { return part; }
  static int value_of(const outcome<int>& part) { return part.value_or(1); }

  template <class Part>
  int sum_up(const expression& what, const std::vector<Part>& parts) {
    std::string text;
    int sum = 0;
    for (const Part& each : parts) {
      text += " " + to_text(each);
      sum += value_of(each);
    }
    trace.push_back(fmt::format("[{}] has{}", id_of(what), text));
    return sum;
  }

  // A callback of each kind that add_callbacks takes; which one, the program says.
  struct missing {};

  template <class Returned>
  struct reaction {
    engine* by;
    const expression* of;

    Returned operator()(int value) const { return react(value, value, of->on_value); }
    Returned operator()(const failure& why) const { return react(why, 0, of->on_failure); }

    template <class Came>
    Returned react(const Came& came, int value, const callback& side) const {
      by->trace.push_back(fmt::format("[{}] gets {}", by->id_of(*of), to_text(came)));
      by->perform(side.before);
      if constexpr (std::is_same_v<Returned, deferred<int>>) {
        return by->evaluate(side.inner);
      } else {
        return by->answered(side.with, side.number, value);
      }
    }
  };

  outcome<int> failed_answer(answer with, int number) const {
    switch (with) {
      case answer::raise: throw numbered(errc::not_found, 'r', number);
      case answer::raise_foreign: throw std::runtime_error(fmt::format("#x{}", number));
      default: return std::unexpected(failure(numbered(errc::bad_input, 'e', number)));
    }
  }

  outcome<int> answered(answer with, int number, int value) const {
    return with == answer::value ? outcome<int>(value + number) : failed_answer(with, number);
  }

  template <class Use>
  deferred<int> with_side(const callback& side, const expression& what, Use use) {
    switch (side.with) {
      case answer::pass: return use(missing());
      case answer::follow: return use(reaction<deferred<int>>{this, &what});
      default: return use(reaction<outcome<int>>{this, &what});
    }
  }

  deferred<int> add_callbacks(deferred<int> upstream, const expression& what) {
    return with_side(what.on_value, what, [&](auto on_value) {
      return with_side(what.on_failure, what, [&](auto on_failure) {
        constexpr bool no_value_side = std::is_same_v<decltype(on_value), missing>;
        constexpr bool no_failure_side = std::is_same_v<decltype(on_failure), missing>;
        if constexpr (no_value_side && no_failure_side) {
          return std::move(upstream);
        } else if constexpr (no_value_side) {
          return std::move(upstream).add_errback(on_failure);
        } else if constexpr (no_failure_side) {
          return std::move(upstream).add_callback(on_value);
        } else {
          return std::move(upstream).add_callbacks(on_value, on_failure);
        }
      });
    });
  }

  // Tells when a coroutine's locals die.
  struct local {
    engine* of;
    const expression* what;
    local(engine* by, const expression* is) : of(by), what(is) {}
    local(const local&) = delete;
    local& operator=(const local&) = delete;
    ~local() { of->trace.push_back(fmt::format("[{}] is over", of->id_of(*what))); }
  };

  template <class Came>
  int step_ended(const expression& what, std::size_t step, const Came& came, int value) {
    trace.push_back(fmt::format("[{}] step {} gets {}", id_of(what), step, to_text(came)));
    return value;
  }

  static deferred<int> take_steps(engine* by, const expression* what) {
    const local locals(by, what);
    int sum = what->number;
    for (std::size_t i = 0; i < what->steps.size(); ++i) {
      const model::step& next = what->steps[i];
      by->perform(next.before);
      deferred<int> awaited = by->evaluate(next.awaited);
      if (next.how == handling::as_result) {
        const auto came = co_await std::move(awaited).result();
        sum += by->step_ended(*what, i, came, came.value_or(1));
      } else {
        try {
          const int value = co_await std::move(awaited);
          sum += by->step_ended(*what, i, value, value);
        } catch (...) {
          if (next.how == handling::unhandled) {
            throw;
          }
          sum += by->step_ended(*what, i, failure::current(), 1);
        }
      }
    }
    if (what->end == answer::failure) {
      co_return std::unexpected(numbered(errc::bad_input, 'e', what->number));
    }
    co_return *by->answered(what->end, what->end == answer::value ? 0 : what->number, sum);
  }

  reactor& loop_;
  const program& what_;
  std::vector<std::optional<promise<int>>> promises_;
  std::vector<std::optional<deferred<int>>> offered_;  // until an expression takes it
  std::vector<std::optional<deferred<int>>> roots_;
  std::vector<int> pauses_;
};

template <class World>
void carry_out(const program& what, World& world) {
  for (std::size_t i = 0; i < what.roots.size(); ++i) {
    world.build(i);
  }
  for (const action& each : what.schedule) {
    world.trace.push_back("- " + model::to_text(each));
    world.perform(each);
  }
  world.trace.emplace_back("- end");
  world.end();
}

class logged_failures {
 public:
  logged_failures() : before_(set_log_sink([this](log_level, std::string_view line) { note(line); })) {}
  logged_failures(const logged_failures&) = delete;
  logged_failures& operator=(const logged_failures&) = delete;
  ~logged_failures() { set_log_sink(std::move(before_)); }

  std::vector<std::string> lines;

 private:
  void note(std::string_view line) {
    const std::string numbers = model::numbers_of(line);
    if (line.find("unhandled failure") != std::string_view::npos) {
      lines.push_back("unhandled" + numbers);
    } else if (line.find("canceller threw") != std::string_view::npos) {
      lines.push_back("canceller" + numbers);
    } else {
      lines.emplace_back(line);
    }
  }

  log_sink before_;
};

// What of `these` is not in `those`, each as often as it is there.
std::vector<std::string> without(std::vector<std::string> these, std::vector<std::string> those) {
  std::ranges::sort(these);
  std::ranges::sort(those);
  std::vector<std::string> left;
  std::ranges::set_difference(these, those, std::back_inserter(left));
  return left;
}

std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) {
    text += "    " + line + "\n";
  }
  return text;
}

// Empty if engine and model agree; else what each of them did.
std::string difference(const program& what) {
  reactor loop(make_memory_backend(make_memory_network(1)));
  engine real(loop, what);
  logged_failures logged;
  carry_out(what, real);
  model::model ideal(what);
  carry_out(what, ideal);

  std::string told;
  if (real.trace != ideal.trace) {
    const auto first = std::ranges::mismatch(real.trace, ideal.trace);
    told +=
        fmt::format("  from line {} on, the engine:\n{}  the model:\n{}", first.in1 - real.trace.begin(),
                    joined({real.trace.begin(), real.trace.end()}), joined({ideal.trace.begin(), ideal.trace.end()}));
  }
  const auto unlogged = without(ideal.logged, logged.lines);
  const auto surplus = without(without(logged.lines, ideal.logged), ideal.may_be_logged);
  if (!unlogged.empty()) {
    told += "  not logged:\n" + joined(unlogged);
  }
  if (!surplus.empty()) {
    told += "  logged for no reason:\n" + joined(surplus);
  }
  return told;
}

// Leaves out of a program whatever can be left out while engine and model still differ.
program shrunk(program what) {
  for (bool smaller = true; smaller;) {
    smaller = false;
    const auto keep_if_different = [&](const program& less) {
      if (!difference(less).empty()) {
        what = less;
        smaller = true;
      }
    };
    for (std::size_t i = what.schedule.size(); i-- > 0;) {
      program less = what;
      less.schedule.erase(less.schedule.begin() + static_cast<std::ptrdiff_t>(i));
      keep_if_different(less);
    }
    for (std::size_t i = 0; i < what.expressions.size(); ++i) {
      if (what.expressions[i].what != kind::value) {
        program less = what;
        less.expressions[i] = {.what = kind::value, .number = 1};
        keep_if_different(less);
      }
      for (std::size_t s = what.expressions[i].steps.size(); s-- > 0;) {
        program less = what;
        less.expressions[i].steps.erase(less.expressions[i].steps.begin() + static_cast<std::ptrdiff_t>(s));
        keep_if_different(less);
      }
      for (callback expression::* side : {&expression::on_value, &expression::on_failure}) {
        if ((what.expressions[i].*side).before.what != deed::nothing) {
          program less = what;
          (less.expressions[i].*side).before.what = deed::nothing;
          keep_if_different(less);
        }
      }
    }
  }
  return what;
}

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

std::uint64_t running_seed = 0;

void tell_the_seed() { std::fprintf(stderr, "WHORL_SEED=%" PRIu64 " WHORL_PROGRAMS=1 shows it again\n", running_seed); }

}  // namespace
}  // namespace whorl

// There under a sanitizer only: what it calls when it ends the program.
extern "C" __attribute__((weak)) void __sanitizer_set_death_callback(void (*callback)());  // NOLINT: its name

namespace whorl {
namespace {

TEST(DeferredModel, RandomProgramsDoWhatTheRulesSay) {
  const std::uint64_t first = from_environment("WHORL_SEED", 1);
  const std::uint64_t programs = from_environment("WHORL_PROGRAMS", WHORL_SANITIZED ? 2'000 : 20'000);
  if (__sanitizer_set_death_callback != nullptr) {
    __sanitizer_set_death_callback(tell_the_seed);
  }
  for (running_seed = first; running_seed < first + programs; ++running_seed) {
    const program what = model::generator(running_seed).make();
    if (difference(what).empty()) {
      continue;
    }
    const program small = shrunk(what);
    FAIL() << "WHORL_SEED=" << running_seed << " WHORL_PROGRAMS=1 shows it again. The smallest program with it:\n"
           << model::to_text(small) << difference(small);
  }
}

}  // namespace
}  // namespace whorl
