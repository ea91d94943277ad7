#include <whorl/facts/fact_file.h>
#include <whorl/facts/fact_table.h>

#include "facts/fact_text.h"
#include "facts/spelling.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <numeric>
#include <tuple>
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

// A name in lower case, and its last part: "gauss" of "python:random.gauss".
struct lower_name {
  std::string_view whole;
  std::string_view last;
};

lower_name lower_of(const name_entry& entry) {
  const std::string_view whole = lower_names().substr(entry.lower, entry.name_length);
  return {.whole = whole, .last = whole.substr(entry.last)};
}

std::string lower(std::string_view text) {
  std::string small(text);
  std::ranges::transform(small, small.begin(),
                         [](unsigned char each) { return static_cast<char>(std::tolower(each)); });
  return small;
}

// How many letters must be changed, added or removed to make one word of the other; of more than furthest_slip any number.
constexpr std::size_t longest_compared = 64;
std::size_t distance(std::string_view one, std::string_view other) {
  std::array<std::size_t, longest_compared + 1> row;
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t at = 0; at < one.size(); ++at) {
    std::size_t diagonal = std::exchange(row[0], at + 1);
    std::size_t fewest = row[0];
    for (std::size_t to = 0; to < other.size(); ++to) {
      const std::size_t changed = diagonal + (one[at] == other[to] ? 0 : 1);
      diagonal = row[to + 1];
      row[to + 1] = std::min({changed, row[to] + 1, diagonal + 1});
      fewest = std::min(fewest, row[to + 1]);
    }
    if (fewest > furthest_slip) {
      return fewest;
    }
  }
  return row.at(other.size());
}

// 0 for the same name elsewhere, then the fewer letters differ the better; nothing for no likeness.
constexpr std::size_t unlike = 100;
std::size_t unlikeness(const lower_name& wanted, const lower_name& known) {
  const std::size_t size = known.whole.size();
  const std::size_t wanted_size = wanted.whole.size();
  if (known.last == wanted.last || known.whole == wanted.last) {
    return 0;
  }
  const bool alike = size <= wanted_size + furthest_slip && wanted_size <= size + furthest_slip &&
                     size <= longest_compared && wanted_size > 2 * furthest_slip &&
                     (known.whole.front() == wanted.whole.front() || known.whole.back() == wanted.whole.back());
  if (alike) {
    if (const std::size_t slips = distance(wanted.whole, known.whole); slips <= furthest_slip) {
      return slips;
    }
  }
  constexpr std::size_t telling = 4;  // a shorter part of a name is in too many
  if (known.last.size() > wanted.last.size()) {
    return wanted.last.size() >= telling && known.last.contains(wanted.last) ? furthest_slip + 1 : unlike;
  }
  return known.last.size() > telling && wanted.last.contains(known.last) ? furthest_slip + 2 : unlike;
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

std::string documented_name(std::string_view symbol) {
  for (const std::string& each : c_spellings(symbol)) {
    if (std::ranges::binary_search(fact_names(), each, {}, text_of)) {
      return each;
    }
  }
  // There are functions for numbers of other types only of those that compute: a readf32() is the program's own.
  for (const std::string& each : float_spellings(symbol)) {
    const auto known = find_facts(each);
    const auto may_wait = [](const fact& record) { return record.blocking > blocking_class::cpu; };
    if (!known.empty() && std::ranges::none_of(known, may_wait)) {
      return each;
    }
  }
  return std::string(symbol);
}

std::vector<std::string_view> similar_names(std::string_view name, std::size_t most) {
  const std::string whole = lower(name);
  if (whole.empty()) {
    return {};
  }
  const lower_name wanted{.whole = whole, .last = std::string_view(whole).substr(whole.find_last_of(":.") + 1)};
  std::vector<std::pair<std::size_t, std::string_view>> found;
  for (const name_entry& entry : fact_names()) {
    if (const std::size_t unlike_by = unlikeness(wanted, lower_of(entry)); unlike_by != unlike) {
      found.emplace_back(unlike_by, text_of(entry));
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
  enum : std::uint8_t { is_it, ends_with_it_as_a_part, begins_with_it, has_a_part_that_begins, contains_it };
  std::vector<std::pair<int, std::string_view>> found;
  for (const name_entry& entry : fact_names()) {
    const auto [name, last] = lower_of(entry);
    const std::string_view known = text_of(entry);
    if (name.find(wanted) == std::string_view::npos || (!found.empty() && found.back().second == known)) {
      continue;
    }
    const int rank = name == wanted             ? is_it
                     : last == wanted           ? ends_with_it_as_a_part
                     : name.starts_with(wanted) ? begins_with_it
                     : last.starts_with(wanted) ? has_a_part_that_begins
                                                : contains_it;
    found.emplace_back(rank, known);
  }
  std::ranges::sort(found, {},
                    [](const auto& each) { return std::tuple(each.first, each.second.size(), each.second); });
  found.resize(std::min(found.size(), most));
  std::vector<std::string_view> names;
  std::ranges::transform(found, std::back_inserter(names), &std::pair<int, std::string_view>::second);
  return names;
}

std::vector<fact> all_facts() {
  // Each record names its area itself, so that the whole table reads as one file; only its order is of several.
  return read_facts(fact_text()).facts;
}

}  // namespace whorl::facts
