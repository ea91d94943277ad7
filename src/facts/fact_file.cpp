#include <whorl/facts/fact_file.h>

#include "facts/fact_names.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <optional>
#include <ranges>
#include <span>

namespace whorl::facts {

namespace {

constexpr std::size_t longest_saying = 240;

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(' ');
  return begin == std::string_view::npos ? "" : text.substr(begin, text.find_last_not_of(' ') + 1 - begin);
}

std::vector<std::string_view> split(std::string_view text, std::string_view between) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t end = text.find(between);
    if (const std::string_view part = trimmed(text.substr(0, end)); !part.empty()) {
      parts.push_back(part);
    }
    if (end == std::string_view::npos) {
      return parts;
    }
    text.remove_prefix(end + between.size());
  }
}

// The value of an enumeration that the word stands for; the first one, which says "unknown", has no word.
template <class Enum>
std::optional<Enum> value_of(std::string_view word, std::span<const std::string_view> names, std::size_t first) {
  const auto found = std::find(names.begin() + static_cast<std::ptrdiff_t>(first), names.end(), word);
  return found == names.end() ? std::nullopt : std::optional(static_cast<Enum>(found - names.begin()));
}

// What a field's text does to a record: nothing said is good, else what is wrong.
using field_reader = std::string (*)(fact& record, std::string_view text);

std::string read_blocking(fact& record, std::string_view text) {
  const std::size_t bracket = text.find('[');
  const auto found = value_of<blocking_class>(text.substr(0, bracket), blocking_names, 1);
  if (!found) {
    return fmt::format("\"{}\" is no blocking class; use one of {}", text,
                       fmt::join(blocking_names.begin() + 1, blocking_names.end(), ", "));
  }
  const bool wants_argument = *found == blocking_class::descriptor || *found == blocking_class::timed;
  if (wants_argument != (bracket != std::string_view::npos && text.ends_with(']'))) {
    return wants_argument ? fmt::format("{} needs the argument it depends on, as in {}[1]", text, text)
                          : fmt::format("{} depends on no argument; remove [...]", text);
  }
  record.blocking = *found;
  if (wants_argument) {
    record.blocking_argument = text.substr(bracket + 1, text.size() - bracket - 2);
  }
  return "";
}

std::string read_threads(fact& record, std::string_view text) {
  auto words = split(text, " ");
  const auto found = value_of<thread_class>(words.front(), thread_names, 1);
  if (!found) {
    return fmt::format("\"{}\" is no thread class; use one of {}", words.front(),
                       fmt::join(thread_names.begin() + 1, thread_names.end(), ", "));
  }
  record.threads = *found;
  record.reasons.assign(words.begin() + 1, words.end());
  return "";
}

std::string read_effects(fact& record, std::string_view text) {
  for (const std::string_view word : split(text, " ")) {
    if (std::ranges::find(process_effects(), word, &process_effect::name) == process_effects().end()) {
      return fmt::format("\"{}\" is no process effect; use those of process_effects() in fact.cpp, or add it there",
                         word);
    }
    record.effects.push_back(word);
  }
  return "";
}

std::string read_evidence(fact& record, std::string_view text) {
  const auto parts = split(text, " | ");
  if (parts.size() != 5) {
    return "evidence needs five parts: grade | source | version | place | what it says";
  }
  const auto grade = value_of<evidence_grade>(parts[0], grade_names, 0);
  if (!grade) {
    return fmt::format("\"{}\" is no grade; use one of {}", parts[0], fmt::join(grade_names, ", "));
  }
  if (parts[4].size() > longest_saying) {
    return fmt::format("what the source says takes {} bytes; say it in at most {}", parts[4].size(), longest_saying);
  }
  record.sources.push_back({*grade, parts[1], parts[2], parts[3], parts[4]});
  return "";
}

std::string read_covers(fact& record, std::string_view text) {
  record.covers_members = text == "members";
  return record.covers_members ? "" : "covers can only say \"members\"";
}

std::string read_aliases(fact& record, std::string_view text) {
  std::ranges::copy(split(text, " "), std::back_inserter(record.aliases));
  return "";
}

template <std::string_view fact::* Member>
std::string read_text(fact& record, std::string_view text) {
  record.*Member = text;
  return "";
}

struct field {
  std::string_view name;
  field_reader read;
  bool may_repeat = false;
};

constexpr std::array fields = {
    field{"area", read_text<&fact::area>},
    field{"symbol", read_text<&fact::symbol>},
    field{"also", read_aliases, true},
    field{"covers", read_covers},
    field{"platform", read_text<&fact::platform>},
    field{"blocking", read_blocking},
    field{"blocking_if", read_text<&fact::does_not_block_if>},
    field{"thread", read_threads},
    field{"thread_if", read_text<&fact::safe_if>},
    field{"effects", read_effects},
    field{"on_loop", read_text<&fact::on_loop>},
    field{"in_thread", read_text<&fact::in_thread>},
    field{"evidence", read_evidence, true},
};

std::string field_names() { return fmt::to_string(fmt::join(fields | std::views::transform(&field::name), ", ")); }

struct numbered_line {
  std::size_t number;
  std::string_view said;
};

// Lines up to an empty one, or the end; comments are left out.
struct paragraph {
  std::vector<numbered_line> lines;
  std::size_t first_line;
};

std::vector<paragraph> paragraphs_of(std::string_view text) {
  std::vector<paragraph> found;
  bool open = false;
  for (std::size_t line = 1; !text.empty(); ++line) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view said = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    said.remove_suffix(said.ends_with('\r') ? 1 : 0);
    if (said.starts_with('#')) {
      continue;
    }
    if (said.empty()) {
      open = false;
      continue;
    }
    if (!open) {
      found.push_back({{}, line});
      open = true;
    }
    found.back().lines.push_back({line, said});
  }
  return found;
}

class record_reader {
 public:
  record_reader(const paragraph& from, std::string_view area, std::vector<fact_fault>& faults)
      : from_(from), faults_(faults) {
    record_.area = area;
    record_.line = from.first_line;
  }

  // Nothing if the record has a fault.
  std::optional<fact> read() {
    const std::size_t faults_before = faults_.size();
    for (const auto& [number, said] : from_.lines) {
      line_ = number;
      read_line(said);
    }
    line_ = from_.first_line;
    require(!record_.symbol.empty(), "the record has no symbol");
    require(!record_.platform.empty(), "the record has no platform; say whose behaviour it is");
    require(!record_.area.empty(), "the file names no area; begin it with a paragraph \"area: NAME\"");
    require(!record_.sources.empty(), "the record has no evidence; name a source, or grade it guessed");
    return faults_.size() == faults_before ? std::optional(std::move(record_)) : std::nullopt;
  }

 private:
  void read_line(std::string_view said) {
    const std::size_t colon = said.find(": ");
    const auto* known = std::ranges::find(fields, said.substr(0, colon), &field::name);
    if (colon == std::string_view::npos || known == fields.end() || trimmed(said.substr(colon + 2)).empty()) {
      complain(fmt::format("\"{}\" is no field with a value; the fields are {}", said.substr(0, 40), field_names()));
      return;
    }
    if (!known->may_repeat && std::ranges::find(seen_, known->name) != seen_.end()) {
      complain(fmt::format("{} is given twice; make two records of it", known->name));
      return;
    }
    seen_.push_back(known->name);
    if (std::string wrong = known->read(record_, trimmed(said.substr(colon + 2))); !wrong.empty()) {
      complain(std::move(wrong));
    }
  }

  void require(bool holds, std::string_view otherwise) {
    if (!holds) {
      complain(std::string(otherwise));
    }
  }

  void complain(std::string what) { faults_.push_back({line_, std::move(what)}); }

  const paragraph& from_;
  std::vector<fact_fault>& faults_;
  fact record_;
  std::vector<std::string_view> seen_;
  std::size_t line_ = 0;
};

bool only_names_an_area(const paragraph& lines) {
  return lines.lines.size() == 1 && lines.lines.front().said.starts_with("area: ");
}

}  // namespace

fact_file read_facts(std::string_view text) {
  fact_file file;
  std::string_view previous;
  for (const paragraph& lines : paragraphs_of(text)) {
    if (only_names_an_area(lines)) {
      file.area = trimmed(lines.lines.front().said.substr(std::string_view("area: ").size()));
      continue;
    }
    auto record = record_reader(lines, file.area, file.faults).read();
    if (!record) {
      continue;
    }
    if (record->symbol < previous) {
      file.faults.push_back(
          {record->line, fmt::format("\"{}\" comes after \"{}\"; sort the records by symbol, byte by byte",
                                     record->symbol, previous)});
    }
    previous = record->symbol;
    file.facts.push_back(std::move(*record));
  }
  return file;
}

std::string to_text(const fact& record) {
  std::string text;
  const auto say = [&text](std::string_view name, std::string_view said) {
    if (!said.empty()) {
      fmt::format_to(std::back_inserter(text), "{}: {}\n", name, said);
    }
  };
  say("symbol", record.symbol);
  say("also", fmt::to_string(fmt::join(record.aliases, " ")));
  say("covers", record.covers_members ? "members" : "");
  say("platform", record.platform);
  if (record.blocking != blocking_class::unknown) {
    const std::string_view argument = record.blocking_argument;
    say("blocking", argument.empty() ? std::string(name_of(record.blocking))
                                     : fmt::format("{}[{}]", name_of(record.blocking), argument));
  }
  say("blocking_if", record.does_not_block_if);
  if (record.threads != thread_class::unknown) {
    say("thread", fmt::format("{}{}{}", name_of(record.threads), record.reasons.empty() ? "" : " ",
                              fmt::join(record.reasons, " ")));
  }
  say("thread_if", record.safe_if);
  say("effects", fmt::to_string(fmt::join(record.effects, " ")));
  say("on_loop", record.on_loop);
  say("in_thread", record.in_thread);
  for (const evidence& seen : record.sources) {
    say("evidence",
        fmt::format("{} | {} | {} | {} | {}", name_of(seen.grade), seen.source, seen.version, seen.place, seen.says));
  }
  return text;
}

}  // namespace whorl::facts
