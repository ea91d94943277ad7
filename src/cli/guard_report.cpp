#include "cli/guard_report.h"

#include "cli/command.h"

#include <fmt/format.h>
#include <sys/wait.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <ranges>
#include <span>

namespace whorl::cli {

namespace {

using nlohmann::json;

// Milliseconds.
double rounded(duration time) { return static_cast<double>(time / std::chrono::microseconds(1)) / 1000; }

std::string name_of(const program_loop& loop) {
  return loop.process == loop.thread ? fmt::format("{} (process {})", loop.name, loop.process)
                                     : fmt::format("{} (thread {} of {})", loop.name, loop.thread, loop.process);
}

// "1 turn", "3 turns"
std::string counted(std::uint64_t count, std::string_view what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

class text : public guard_report {
 public:
  explicit text(std::ostream& out) : out_(out) {}

  void found(const program_loop& loop) override {
    if (found_ < most_found) {
      say("{} is taken for a loop: it waits in {}", name_of(loop), loop.waits_in);
    } else if (found_ == most_found) {
      say("more than {} loops were found; the summary has the others", most_found);
    }
    ++found_;
  }

  void stalled(const program_stall& stall) override {
    if (stall.over) {
      say("{} goes on after {}", name_of(stall.loop), in_words(stall.lasted));
      return;
    }
    const std::string again = stall.count > 1 ? fmt::format(", {} times now", stall.count) : "";
    say("{} is held up for {}{}: {}", name_of(stall.loop), in_words(stall.lasted), again, stall.cause.doing);
    describe(stall.cause, "  ");
  }

  void called(const program_call& call) override {
    if (call.effect.empty()) {
      say("thread {} of {} waits in a turn: {}, for {}", call.thread, call.process, call.function, in_words(call.took));
    } else {
      say("thread {} of {} changes the {} of the whole process: {} (threads: {})", call.thread, call.process,
          call.effect, call.function, call.threads);
    }
    describe({.call = call.function, .fact = call.fact, .instead = call.instead, .stack = call.stack}, "  ");
  }

  void ended(const program_outcome& outcome) override {
    say("the program ended after {}, {}", in_words(outcome.ran), end_of(outcome));
    if (outcome.loops.empty()) {
      out_ << "  no loop was seen: no thread of it waited in epoll, poll, select or io_uring by the C library. Not "
              "seen are\n"
              "  programs that it executes (of a script that starts a server, watch the server, or let the script exec "
              "it),\n"
              "  what goes on in the background when it has ended, what is linked statically or has more rights than "
              "you,\n"
              "  and loops that make their system calls themselves (Go, liburing).\n";
    }
    for (const loop_outcome& each : outcome.loops) {
      out_ << fmt::format("  {}: {}; half under {}, 90 % under {}, 99 % under {}, longest {}; {} over the limit\n",
                          cli::name_of(each), counted(each.turns, "turn"), in_words(each.half),
                          in_words(each.ninety_of_hundred), in_words(each.ninety_nine_of_hundred),
                          in_words(each.longest), each.long_turns);
    }
    if (outcome.loops_not_watched > 0) {
      out_ << fmt::format(
          "  {} more loops were not watched: there were too many, or they are in another PID namespace\n",
          outcome.loops_not_watched);
    }
    for (const cause_outcome& each : outcome.causes) {
      out_ << fmt::format("  held up for {} in {}, longest {}: {}\n", in_words(each.total), counted(each.count, "turn"),
                          in_words(each.longest), each.cause.doing);
      describe(each.cause, "    ");
    }
    for (const program_call& each : outcome.calls) {
      out_ << fmt::format("  {} {}{}{}\n", each.function, counted(each.count, "time"),
                          each.effect.empty() ? ", waiting for " + in_words(each.took) : ", changing " + each.effect,
                          ": " + whorl::describe(shown_stack({.stack = each.stack})));
    }
    out_.flush();
  }

 private:
  template <class... Arguments>
  void say(fmt::format_string<Arguments...> form, Arguments&&... arguments) {
    out_ << "whorl guard: " << fmt::format(form, std::forward<Arguments>(arguments)...) << '\n' << std::flush;
  }

  void describe(const stall_cause& cause, std::string_view indent) {
    const auto line = [&](std::string_view what, const std::string& about) {
      if (!about.empty()) {
        out_ << fmt::format("{}{:<9}{}\n", indent, what, about);
      }
    };
    line("call", cause.call);
    line("fact", cause.fact);
    line("instead", cause.instead);
    line("python", whorl::describe(cause.python_stack));
    line("stack", whorl::describe(shown_stack(cause)));
    out_.flush();
  }

  static constexpr std::size_t most_found = 64;  // loops that are told of one by one

  std::ostream& out_;
  std::size_t found_ = 0;
};

json as_json(const std::vector<stack_frame>& stack) {
  json all = json::array();
  for (const stack_frame& each : stack) {
    const std::string name = each.function.empty() ? fmt::format("{:#x}", each.address) : each.function;
    all.push_back({{"function", name},
                   {"file", each.file.empty() ? json() : json(each.file)},
                   {"line", each.file.empty() ? json() : json(each.line)}});
  }
  return all;
}

json as_json(const stall_cause& cause) {
  const auto or_null = [](const std::string& text) { return text.empty() ? json() : json(text); };
  return {{"asleep", cause.asleep},
          {"doing", cause.doing},
          {"call", or_null(cause.call)},
          {"fact", or_null(cause.fact)},
          {"instead", or_null(cause.instead)},
          {"stack", as_json(cause.stack)},
          {"python_stack", as_json(cause.python_stack)}};
}

json as_json(const program_loop& loop) {
  return {{"process", loop.process}, {"thread", loop.thread}, {"thread_name", loop.name}, {"waits_in", loop.waits_in}};
}

json as_json(const program_call& call) {
  json made = as_json(stall_cause{.asleep = call.effect.empty(),
                                  .doing = call.effect.empty() ? "waits" : "changes " + call.effect,
                                  .call = call.function,
                                  .fact = call.fact,
                                  .instead = call.instead,
                                  .stack = call.stack});
  made.update({{"kind", call.effect.empty() ? "blocking_call" : "process_state"},
               {"process", call.process},
               {"thread", call.thread},
               {"ms", rounded(call.took)},
               {"count", call.count},
               {"effect", call.effect.empty() ? json() : json(call.effect)},
               {"threads", call.threads}});
  return made;
}

json as_json(const loop_outcome& known) {
  json made = as_json(known.loop);
  made.update({{"loops", known.loops},
               {"turns", known.turns},
               {"ms_of_half", rounded(known.half)},
               {"ms_of_90_percent", rounded(known.ninety_of_hundred)},
               {"ms_of_99_percent", rounded(known.ninety_nine_of_hundred)},
               {"ms_longest", rounded(known.longest)},
               {"ms_in_turns", rounded(known.in_turns)},
               {"turns_over_limit", known.long_turns}});
  return made;
}

class lines_of_json : public guard_report {
 public:
  explicit lines_of_json(std::ostream& out) : out_(out) {}

  void found(const program_loop& /*loop*/) override {}

  void stalled(const program_stall& stall) override {
    json line = as_json(stall.cause);
    line.update(as_json(stall.loop));
    line.update({{"kind", "stall"}, {"ms", rounded(stall.lasted)}, {"over", stall.over}, {"count", stall.count}});
    write(line);
  }

  void called(const program_call& call) override { write(as_json(call)); }

  void ended(const program_outcome& outcome) override {
    json line{{"kind", "summary"},
              {"ms", rounded(outcome.ran)},
              {"exit_status", WIFEXITED(outcome.wait_status) ? json(WEXITSTATUS(outcome.wait_status)) : json()},
              {"signal", WIFSIGNALED(outcome.wait_status) ? json(WTERMSIG(outcome.wait_status)) : json()},
              {"loops", json::array()},
              {"loops_not_watched", outcome.loops_not_watched},
              {"stalls", json::array()}};
    std::uint64_t turns = 0;
    std::uint64_t count = 0;
    for (const loop_outcome& each : outcome.loops) {
      line["loops"].push_back(as_json(each));
      turns += each.turns;
    }
    for (const cause_outcome& each : outcome.causes) {
      json cause = as_json(each.cause);
      cause.update({{"count", each.count}, {"ms_total", rounded(each.total)}, {"ms_longest", rounded(each.longest)}});
      line["stalls"].push_back(cause);
      count += each.count;
    }
    line.update({{"blocking_calls", json::array()}, {"process_state", json::array()}});
    for (const program_call& each : outcome.calls) {
      line[each.effect.empty() ? "blocking_calls" : "process_state"].push_back(as_json(each));
    }
    line.update({{"turns", turns}, {"count", count}});
    write(line);
  }

 private:
  void write(const json& line) {
    out_ << line.dump(-1, ' ', false, json::error_handler_t::replace) << '\n' << std::flush;
  }

  std::ostream& out_;
};

}  // namespace

std::string name_of(const loop_outcome& known) {
  return known.loops == 1 ? name_of(known.loop) : fmt::format("{} loops such as {}", known.loops, name_of(known.loop));
}

std::unique_ptr<guard_report> text_report(std::ostream& out) { return std::make_unique<text>(out); }

std::unique_ptr<guard_report> json_report(std::ostream& out) { return std::make_unique<lines_of_json>(out); }

std::vector<stack_frame> shown_stack(const stall_cause& cause) {
  std::vector<stack_frame> shown;
  for (const stack_frame& each : cause.stack) {
    if (!cause.python_stack.empty() && each.function.starts_with("_PyEval_")) {
      break;
    }
    if (!each.function.empty()) {
      shown.push_back(each);
    }
  }
  return shown;
}

std::string end_of(const program_outcome& outcome) {
  return WIFSIGNALED(outcome.wait_status) ? fmt::format("signal {}", WTERMSIG(outcome.wait_status))
                                          : fmt::format("exit status {}", WEXITSTATUS(outcome.wait_status));
}

}  // namespace whorl::cli
