#include <whorl/facts/fact_file.h>
#include <whorl/facts/fact_table.h>

#include "facts/fact_text.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>
#include <numeric>
#include <utility>

namespace whorl::facts {

namespace {

constexpr std::size_t furthest_slip = 2;  // letters that may be wrong in a name that is still similar

std::string_view text_of(const name_entry& entry) { return fact_text().substr(entry.name, entry.name_length); }

// The paragraph of a record.
std::string_view record_text(std::size_t at) {
  const std::string_view from = fact_text().substr(at);
  return from.substr(0, from.find("\n\n") + 1);
}

std::string lower(std::string_view text) {
  std::string small(text);
  std::ranges::transform(small, small.begin(),
                         [](unsigned char each) { return static_cast<char>(std::tolower(each)); });
  return small;
}

// "gauss" of "python:random.gauss", "sleep_for" of "std::this_thread::sleep_for"
std::string_view last_part(std::string_view name) {
  const std::size_t mark = name.find_last_of(":.");
  return mark == std::string_view::npos ? name : name.substr(mark + 1);
}

// How many letters must be changed, added or removed to make one word of the other, whose sizes differ by little.
constexpr std::size_t longest_compared = 64;
std::size_t distance(std::string_view one, std::string_view other) {
  std::array<std::size_t, longest_compared + 1> row;
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t at = 0; at < one.size(); ++at) {
    std::size_t diagonal = std::exchange(row[0], at + 1);
    for (std::size_t to = 0; to < other.size(); ++to) {
      const std::size_t changed = diagonal + (one[at] == other[to] ? 0 : 1);
      diagonal = row[to + 1];
      row[to + 1] = std::min({changed, row[to] + 1, diagonal + 1});
    }
  }
  return row.at(other.size());
}

// 0 for the same name elsewhere, then the fewer letters differ the better; nothing for no likeness.
constexpr std::size_t unlike = 100;
std::size_t unlikeness(std::string_view wanted, std::string_view name) {
  const std::string_view last = last_part(name);
  const std::string_view wanted_last = last_part(wanted);
  if (last == wanted_last || name == wanted_last) {
    return 0;
  }
  const std::size_t longer = std::max(name.size(), wanted.size());
  const bool alike = longer - std::min(name.size(), wanted.size()) <= furthest_slip &&
                     (name.front() == wanted.front() || name.back() == wanted.back());
  if (alike && wanted.size() > 2 * furthest_slip && longer <= longest_compared) {
    if (const std::size_t slips = distance(wanted, name); slips <= furthest_slip) {
      return slips;
    }
  }
  constexpr std::size_t telling = 4;  // a shorter part of a name is in too many
  if (wanted_last.size() >= telling && last.find(wanted_last) != std::string_view::npos) {
    return furthest_slip + 1;
  }
  return last.size() > telling && wanted_last.find(last) != std::string_view::npos ? furthest_slip + 2 : unlike;
}

}  // namespace

std::vector<fact> find_facts(std::string_view name) {
  std::vector<fact> found;
  for (const name_entry& entry : std::ranges::equal_range(fact_names(), name, {}, text_of)) {
    auto read = read_facts(record_text(entry.record));
    std::ranges::move(read.facts, std::back_inserter(found));
  }
  return found;
}

std::vector<std::string_view> similar_names(std::string_view name, std::size_t most) {
  const std::string wanted = lower(name);
  std::vector<std::pair<std::size_t, std::string_view>> found;
  for (const name_entry& entry : fact_names()) {
    const std::string_view known = text_of(entry);
    if (const std::size_t unlike_by = unlikeness(wanted, lower(known)); unlike_by != unlike) {
      found.emplace_back(unlike_by, known);
    }
  }
  std::ranges::sort(found);
  const auto [rest, end] = std::ranges::unique(found);
  found.erase(rest, end);
  std::vector<std::string_view> names;
  for (const auto& each : found) {
    if (names.size() == most) {
      break;
    }
    names.push_back(each.second);
  }
  return names;
}

std::vector<std::string_view> names_with(std::string_view text, std::size_t most) {
  const std::string wanted = lower(text);
  std::vector<std::string_view> names;
  for (const name_entry& entry : fact_names()) {
    const std::string_view known = text_of(entry);
    if (names.size() < most && (names.empty() || names.back() != known) &&
        lower(known).find(wanted) != std::string::npos) {
      names.push_back(known);
    }
  }
  return names;
}

std::vector<fact> all_facts() {
  // Each record names its area itself, so that the whole table reads as one file; only its order is of several.
  return read_facts(fact_text()).facts;
}

}  // namespace whorl::facts
