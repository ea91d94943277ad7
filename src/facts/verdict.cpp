#include <whorl/facts/fact_table.h>
#include <whorl/facts/verdict.h>

#include "facts/place_rules.h"
#include "facts/spelling.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <iterator>
#include <tuple>

namespace whorl::facts {

namespace {

constexpr std::array<std::string_view, every_place.size()> place_names = {"loop", "pool", "lane", "process", "jobs"};
constexpr std::array<std::string_view, 4> permission_names = {"yes", "if", "unknown", "no"};
constexpr std::size_t most_candidates = 8;

// "python:os.path" of "python:os.path.join", "std::vector" of "std::vector::push_back"; "" at the top.
std::string_view around(std::string_view name) {
  const std::size_t dot = name.find_last_of('.');
  const std::size_t colons = name.rfind("::");
  const std::size_t mark = dot != std::string_view::npos ? dot : colons;
  return mark == std::string_view::npos ? "" : name.substr(0, mark);
}

struct facts_found {
  std::vector<fact> facts;
  std::string by;  // what the name is inside of, where that has the records; "": it has its own
};

facts_found facts_covering(std::string_view name) {
  facts_found found{.facts = find_facts(name), .by = ""};
  for (std::string_view outer = around(name); found.facts.empty() && !outer.empty(); outer = around(outer)) {
    found = {.facts = find_facts(outer), .by = std::string(outer)};
    std::erase_if(found.facts, [](const fact& record) { return !record.covers_members; });
  }
  return found;
}

// Those of "std::sort" for "sort", of "python:random.gauss" for "random.gauss"; nothing if both languages have the name.
facts_found facts_of_a_library(const std::string& name, std::string& whole) {
  const bool is_cxx = name.contains("::");
  const bool is_python = name.contains('.');
  const auto found = [&](bool may_be, std::string_view prefix) {
    const std::string full = std::string(prefix) + name;
    return !may_be ? facts_found() : is_cxx || is_python ? facts_covering(full) : facts_found{find_facts(full), ""};
  };
  facts_found in_cxx = found(!is_python, "std::");
  facts_found in_python = found(!is_cxx, "python:");
  if (in_cxx.facts.empty() == in_python.facts.empty()) {
    return {};
  }
  whole = (in_cxx.facts.empty() ? "python:" : "std::") + name;
  return in_cxx.facts.empty() ? std::move(in_python) : std::move(in_cxx);
}

// A record that only says that the function is in another library too goes together with those of that one.
void add_facts_of_c(std::vector<fact>& found, std::string_view name) {
  const auto says_nothing = [](const fact& record) {
    return record.blocking == blocking_class::unknown && record.threads == thread_class::unknown;
  };
  if (constexpr std::string_view prefix = "std::";
      name.starts_with(prefix) && std::ranges::all_of(found, says_nothing)) {
    auto of_c = find_facts(documented_name(name.substr(prefix.size())));
    found.insert(found.begin(), std::make_move_iterator(of_c.begin()), std::make_move_iterator(of_c.end()));
  }
}

// `name` becomes the one that was looked for in the end.
facts_found facts_for(std::string& name) {
  facts_found found = facts_covering(name);
  if (found.facts.empty()) {
    name = documented_name(plain_name(name));
    found = facts_covering(name);
  }
  if (std::string whole; found.facts.empty() && !name.empty()) {
    found = facts_of_a_library(name, whole);
    name = found.facts.empty() ? name : whole;
  }
  if (found.by.empty() && !found.facts.empty()) {
    add_facts_of_c(found.facts, name);
  }
  return found;
}

// Picks the fact that decides on one question among those that answer it, and says what the others hold against it.
template <class Class>
fact deciding(const std::vector<fact>& facts, Class fact::* question, std::string& disagreement) {
  const auto weight = [question](const fact* record) {
    return std::tuple(!record->is_of_a_standard(), !record->is_of_another_library(), record->best_grade(),
                      record->*question);
  };
  const fact* best = nullptr;
  for (const fact& record : facts) {
    if (record.*question != Class::unknown && (best == nullptr || weight(best) < weight(&record))) {
      best = &record;
    }
  }
  if (best == nullptr) {
    return {};
  }
  for (const fact& record : facts) {
    if (record.*question != Class::unknown && record.*question != best->*question) {
      disagreement += fmt::format("{}{} says {}, {} says {}", disagreement.empty() ? "" : "; ", best->platform,
                                  name_of(best->*question), record.platform, name_of(record.*question));
    }
  }
  return *best;
}

// "strtok(3)" as "man 3 strtok"
std::string as_command(std::string_view page) {
  const std::size_t bracket = page.find('(');
  return fmt::format("man {} {}", page.substr(bracket + 1, 1), page.substr(0, bracket));
}

bool is_man_page(std::string_view source) {
  return source.size() > 3 && source.ends_with(')') && source[source.size() - 3] == '(' &&
         source.find(' ') == std::string_view::npos;
}

std::vector<std::string> where_to_look(const verdict& given) {
  std::vector<std::string> places;
  for (const evidence& seen : given.sources) {
    std::string place =
        is_man_page(seen.source) ? as_command(seen.source) : fmt::format("{}, {}", seen.source, seen.place);
    if (std::ranges::find(places, place) == places.end()) {
      places.push_back(std::move(place));
    }
  }
  if (given.threads.threads == thread_class::unknown) {
    places.emplace_back(
        "whorl facts grep DIRECTORY: what its headers, sources and manuals say of threads (best guesses)");
    places.emplace_back("a ThreadSanitizer build in which four threads call it at the same time");
  }
  if (given.blocking.blocking == blocking_class::unknown) {
    places.emplace_back("strace -f -T PROGRAM: the system calls it makes, and how long they take");
    places.emplace_back("whorl guard -- PROGRAM: whether a loop that calls it stands still, and where");
  }
  return places;
}

verdict nothing_known(std::string_view name) {
  verdict given;
  given.symbol = name;
  given.places = places_of_the_unknown();
  given.candidates = similar_names(plain_name(name), most_candidates);
  if (std::ranges::all_of(name, [](unsigned char each) { return std::isalnum(each) != 0 || each == '_'; })) {
    given.look_at.push_back(fmt::format("man {}, if there is such a page: its sections ATTRIBUTES and NOTES", name));
  }
  std::ranges::move(where_to_look(given), std::back_inserter(given.look_at));
  return given;
}

template <class Into>
void add_new(std::vector<Into>& to, const Into& added) {
  if (std::ranges::find(to, added) == to.end()) {
    to.push_back(added);
  }
}

}  // namespace

std::string_view name_of(place where) noexcept { return place_names.at(static_cast<std::size_t>(where)); }
std::string_view name_of(permission may) noexcept { return permission_names.at(static_cast<std::size_t>(may)); }

verdict judge(std::string_view name) {
  std::string looked_for(without_arguments(name));
  const facts_found found = facts_for(looked_for);
  verdict given = judge(name, found.facts);
  if (!found.by.empty()) {
    given.definitive = false;
    given.look_at.insert(
        given.look_at.begin(),
        fmt::format("whether there is a {}: this is what holds for {} in general", looked_for, found.by));
  }
  return given;
}

verdict judge(std::string_view name, const std::vector<fact>& facts) {
  if (facts.empty()) {
    return nothing_known(name);
  }
  verdict given;
  given.symbol = name;
  given.found = true;
  given.known_as = facts.front().symbol;
  given.blocking = deciding(facts, &fact::blocking, given.disagreement);
  given.threads = deciding(facts, &fact::threads, given.disagreement);
  for (const fact& record : facts) {
    std::ranges::for_each(record.effects, [&given](std::string_view effect) { add_new(given.effects, effect); });
    for (const evidence& seen : record.sources) {  // the best first, and else in the order of the records
      given.sources.insert(
          std::ranges::upper_bound(given.sources, seen.grade, std::ranges::greater(), &evidence::grade), seen);
    }
    given.on_loop = given.on_loop.empty() ? record.on_loop : given.on_loop;
    given.in_thread = given.in_thread.empty() ? record.in_thread : given.in_thread;
  }
  const auto known = [](const fact& half) {
    return !half.sources.empty() &&
           std::ranges::find(half.sources, evidence_grade::guessed, &evidence::grade) == half.sources.end();
  };
  given.definitive = known(given.blocking) && known(given.threads) && given.disagreement.empty();
  given.does_not_wait_if = does_not_wait_if(given.blocking);
  given.places = places_of(given);
  given.look_at = where_to_look(given);
  return given;
}

}  // namespace whorl::facts
