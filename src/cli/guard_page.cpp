#include "cli/guard_report.h"

#include "cli/command.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <ranges>
#include <string_view>
#include <vector>

namespace whorl::cli {

namespace {

// The names of a cause's functions, outermost first, and the call that waits as the innermost.
std::vector<std::string> names_of(const stall_cause& cause) {
  const auto& frames = cause.python_stack.empty() ? cause.stack : cause.python_stack;
  std::vector<std::string> names;
  for (const stack_frame& each : std::views::reverse(frames)) {
    names.push_back(each.describe());
  }
  if (!cause.call.empty() && (frames.empty() || !frames.front().function.ends_with(cause.call))) {
    names.push_back(cause.call);
  }
  if (names.empty()) {
    names.push_back(cause.doing);
  }
  return names;
}

std::string escaped(std::string_view text) {
  std::string safe;
  for (const char letter : text) {
    switch (letter) {
      case '&': safe += "&amp;"; break;
      case '<': safe += "&lt;"; break;
      case '>': safe += "&gt;"; break;
      case '"': safe += "&quot;"; break;
      default: safe += letter;
    }
  }
  return safe;
}

// A flame graph: the time below each function, and what that called.
struct flame {
  duration total{};
  std::map<std::string, flame> called;

  void add(const std::vector<std::string>& names, duration took) {
    flame* at = this;
    at->total += took;
    for (const std::string& each : names) {
      at = &at->called[each];
      at->total += took;
    }
  }
};

void write_flame(std::ostream& out, const flame& outer) {
  out << "<div class=row>";
  for (const auto& [name, inner] : outer.called) {
    const double part = 100.0 * static_cast<double>(inner.total.count()) / static_cast<double>(outer.total.count());
    const std::string text = escaped(name);
    out << fmt::format("<div style='width:{:.2f}%'><span title=\"{}: {}\">{}</span>", part, text, in_words(inner.total),
                       text);
    write_flame(out, inner);
    out << "</div>";
  }
  out << "</div>";
}

constexpr std::string_view head = R"(<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>whorl guard</title><style>
body{font:15px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:75rem;padding:0 1rem;color:#1c2733;background:#fff}
h1{font-size:1.4rem;margin-bottom:.2rem}h2{font-size:1.1rem;margin-top:2rem}
code,td.stack,.row span{font-family:ui-monospace,monospace;font-size:.85em}
table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;padding:.35rem .7rem .35rem 0;border-bottom:1px solid #dde3ea}
th{font-weight:600}td.number,th.number{text-align:right;white-space:nowrap;padding-right:1.2rem}
.row{display:flex;width:100%}.row>div{min-width:0}
.row span{display:block;overflow:hidden;white-space:nowrap;text-overflow:ellipsis;background:#f4b183;border:1px solid #fff;padding:.1rem .3rem}
.quiet{color:#5b6b7b}.instead{color:#1d6b3a}
@media(prefers-color-scheme:dark){body{color:#dfe6ee;background:#14191f}th,td{border-color:#2d3742}.row span{background:#8a4b20;border-color:#14191f}.instead{color:#7fd6a0}.quiet{color:#93a1b0}}
</style></head><body>
)";

void write_loops(std::ostream& out, const std::vector<loop_outcome>& loops) {
  out << "<h2>Loops</h2><table><tr><th>Thread<th>waits in";
  for (const std::string_view each : {"turns", "half under", "90 % under", "99 % under", "longest", "over the limit"}) {
    out << "<th class=number>" << each;
  }
  out << "</tr>\n";
  for (const loop_outcome& each : loops) {
    out << fmt::format("<tr><td>{}<td>{}", escaped(name_of(each)), each.loop.waits_in);
    out << fmt::format("<td class=number>{}", each.turns);
    for (const duration time : {each.half, each.ninety_of_hundred, each.ninety_nine_of_hundred, each.longest}) {
      out << fmt::format("<td class=number>{}", in_words(time));
    }
    out << fmt::format("<td class=number>{}</tr>\n", each.long_turns);
  }
  out << "</table>\n";
}

void write_causes(std::ostream& out, const std::vector<cause_outcome>& causes) {
  out << "<h2>What held them up</h2><table><tr><th class=number>altogether<th class=number>turns<th "
         "class=number>longest<th>what</tr>\n";
  for (const cause_outcome& each : causes) {
    const stall_cause& cause = each.cause;
    out << fmt::format("<tr><td class=number>{}<td class=number>{}<td class=number>{}<td>", in_words(each.total),
                       each.count, in_words(each.longest));
    out << fmt::format("<b>{}</b>", escaped(cause.doing));
    for (const auto& [kind, text] : {std::pair<std::string_view, std::string>("quiet", cause.fact),
                                     {"instead", cause.instead.empty() ? "" : "instead: " + cause.instead},
                                     {"", whorl::describe(cause.python_stack)},
                                     {"quiet", whorl::describe(shown_stack(cause))}}) {
      if (!text.empty()) {
        out << fmt::format("<div class=\"{}\">{}</div>", kind, escaped(text));
      }
    }
    out << "</tr>\n";
  }
  out << "</table>\n";
}

void write_calls(std::ostream& out, const std::vector<program_call>& calls) {
  out << "<h2>Calls in turns that wait, and changes of the whole process</h2><table><tr><th>call<th "
         "class=number>times<th class=number>took<th>from</tr>\n";
  for (const program_call& each : calls) {
    out << fmt::format("<tr><td><b>{}</b><td class=number>{}<td class=number>{}<td>{}", escaped(each.function),
                       each.count, each.effect.empty() ? in_words(each.took) : "", escaped(each.fact));
    out << fmt::format("<div class=instead>{}</div><div class=quiet>{}</div></tr>\n", escaped(each.instead),
                       escaped(whorl::describe(shown_stack({.stack = each.stack}))));
  }
  out << "</table>\n";
}

}  // namespace

void write_folded(std::ostream& out, const program_outcome& outcome) {
  for (const cause_outcome& each : outcome.causes) {
    std::string line;
    for (std::string name : names_of(each.cause)) {
      std::ranges::replace(name, ';', ':');
      line += line.empty() ? name : ';' + name;
    }
    out << fmt::format("{} {}\n", line, std::chrono::round<std::chrono::milliseconds>(each.total).count());
  }
}

void write_page(std::ostream& out, const std::string& command, const program_outcome& outcome) {
  out << head << fmt::format("<h1>whorl guard: <code>{}</code></h1>\n", escaped(command));
  out << fmt::format("<p class=quiet>It ran for {} and ended with {}.</p>\n", in_words(outcome.ran), end_of(outcome));
  write_loops(out, outcome.loops);
  if (outcome.causes.empty()) {
    out << "<p>Nothing held a loop up for as long as the limit.</p>\n";
  } else {
    write_causes(out, outcome.causes);
    flame whole;
    for (const cause_outcome& each : outcome.causes) {
      whole.add(names_of(each.cause), std::max<duration>(each.total, std::chrono::microseconds(1)));
    }
    out << "<h2>By time</h2><p class=quiet>Outermost functions on top; the wider, the longer a loop was held up in "
           "it.</p>\n";
    write_flame(out, whole);
  }
  if (!outcome.calls.empty()) {
    write_calls(out, outcome.calls);
  }
  out << "</body></html>\n";
}

}  // namespace whorl::cli
