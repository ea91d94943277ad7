#include <fmt/format.h>
#include <whorl/facts/fact_table.h>
#include <whorl/facts/verdict.h>
#include <whorl/guard/blocking_call.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <ranges>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace whorl {

namespace {

constexpr std::array waiting_classes{facts::blocking_class::file,     facts::blocking_class::descriptor,
                                     facts::blocking_class::timed,    facts::blocking_class::wait,
                                     facts::blocking_class::resolver, facts::blocking_class::process,
                                     facts::blocking_class::tty,      facts::blocking_class::loop};
constexpr std::array lock_class{facts::blocking_class::lock};

// Only of what a record names: a program's own copy() is not std::copy, which judge() would take it for.
std::optional<blocking_call> if_waiting(std::string_view name,
                                        std::span<const facts::blocking_class> ways = waiting_classes) {
  const facts::verdict known = facts::find_facts(name).empty() ? facts::verdict() : facts::judge(name);
  if (!known.found || std::ranges::find(ways, known.blocking.blocking) == ways.end()) {
    return std::nullopt;
  }
  return blocking_call{.function = std::string(name),
                       .waits_for = std::string(facts::name_of(known.blocking.blocking)),
                       .instead = std::string(known.on_loop),
                       .at = {}};
}

bool runs_a_loop(const blocking_call& call) { return call.waits_for == facts::name_of(facts::blocking_class::loop); }

// Of the standard library: ".../python3.11/urllib/request.py" is "urllib.request".
std::string python_module(std::string_view file) {
  const std::size_t library = file.find("/python3.");
  const std::size_t begin = library == std::string_view::npos ? library : file.find('/', library + 1);
  if (begin == std::string_view::npos || !file.ends_with(".py") || file.find("-packages/") != std::string_view::npos) {
    return {};
  }
  std::string name(file.substr(begin + 1, file.size() - begin - 4));
  std::ranges::replace(name, '/', '.');
  return name;
}

std::string line_of(const stack_frame& frame) {
  std::ifstream file(frame.file);
  std::string line;
  for (int number = 0; number < frame.line && std::getline(file, line); ++number) {
  }
  return file ? line : std::string();
}

// Without what stands in quotes, and without a comment.
std::string code_of(std::string_view line) {
  std::string code;
  char quote = 0;
  for (std::size_t at = 0; at < line.size() && (quote != 0 || line[at] != '#'); ++at) {
    const char each = line[at];
    if (quote != 0) {
      at += each == '\\' ? 1 : 0;
      quote = each == quote ? char{0} : quote;
    } else if (each == '"' || each == '\'') {
      quote = each;
    } else {
      code += each;
    }
  }
  return code;
}

// The names in a line of Python that are followed by a bracket: "time.sleep" in "x = time.sleep(3)".
std::vector<std::string> called_in(const std::string& line) {
  constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.";
  std::vector<std::string> names;
  for (std::size_t bracket = line.find('('); bracket != std::string::npos; bracket = line.find('(', bracket + 1)) {
    const std::size_t before = line.substr(0, bracket).find_last_not_of(letters);
    const std::size_t begin = before == std::string::npos ? 0 : before + 1;
    names.push_back(line.substr(begin, bracket - begin));
  }
  return names;
}

std::optional<blocking_call> if_python_waits(const std::string& name) {
  auto found = if_waiting("python:" + name);
  return found && !runs_a_loop(*found) ? std::move(found) : std::nullopt;
}

// None where a line calls several that wait: any of them may be meant.
std::optional<blocking_call> python_call_of(const stack_frame& frame) {
  if (const std::string module = python_module(frame.file); !module.empty()) {
    if (auto itself = if_python_waits(module + '.' + frame.function)) {
      return itself;
    }
  }
  std::optional<blocking_call> found;
  for (const std::string& each : called_in(code_of(line_of(frame)))) {
    auto other = if_python_waits(each);
    if (other && found && found->function != other->function) {
      return std::nullopt;
    }
    if (other) {
      found = std::move(other);
    }
  }
  return found;
}

}  // namespace

std::string place_in_program(std::span<const stack_frame> stack) {
  // A line of the standard library is of a function that was inlined.
  const auto own = std::ranges::find_if(stack, [](const stack_frame& frame) {
    return !frame.file.empty() && !lies_between(frame) && frame.file.find("/c++/") == std::string::npos;
  });
  if (own == stack.end()) {
    return {};
  }
  return fmt::format("{}:{}", std::string_view(own->file).substr(own->file.rfind('/') + 1), own->line);
}

// Of what runs a loop the innermost: the others are what called back. What takes a lock, which is mostly free, is meant where
// the thread sleeps in futex(2) and nothing else is there that waits.
std::optional<blocking_call> find_blocking_call(std::span<const stack_frame> stack, std::string_view system_call) {
  std::optional<blocking_call> loop;
  std::optional<blocking_call> lock;
  const bool may_be_lock = system_call == "futex";
  for (std::size_t outside = stack.size(); outside-- > 0;) {
    std::string name = facts::documented_name(stack[outside].function);
    if (name == "syscall") {
      name = system_call;
    }
    if (name.empty() || name.find_first_of(":<( ") != std::string::npos) {
      continue;
    }
    auto found = if_waiting(name);
    if (!found && is_wrapper(stack[outside])) {
      found = blocking_call{.function = name, .waits_for = {}, .instead = {}, .at = {}};
    }
    if (!found && may_be_lock && !lock) {
      lock = if_waiting(name, lock_class);
      if (lock) {
        lock->at = place_in_program(stack.subspan(outside + 1));
      }
    }
    if (found) {
      found->at = place_in_program(stack.subspan(outside + 1));
    }
    if (found && !runs_a_loop(*found)) {
      return found;
    }
    if (found) {
      loop = std::move(found);
      lock.reset();  // of what called back
    }
  }
  return lock ? lock : loop;
}

std::optional<blocking_call> find_python_call(std::span<const stack_frame> stack) {
  for (const stack_frame& frame : std::views::reverse(stack)) {
    if (auto found = python_call_of(frame)) {
      return found;
    }
  }
  return std::nullopt;
}

}  // namespace whorl
