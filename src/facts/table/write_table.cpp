// Writes the source of fact_text() and fact_names() from files of facts, or says what is wrong with them.
//
// usage: write_table OUTPUT FILE...
#include <whorl/facts/fact_file.h>

#include <fmt/format.h>
#include <fmt/os.h>

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace {

using whorl::facts::fact;

struct table {
  std::string text;
  std::vector<std::pair<std::string, std::size_t>> names;

  void add(const fact& record) {
    const std::size_t at = text.size();
    text += fmt::format("area: {}\n{}\n", record.area, whorl::facts::to_text(record));
    names.emplace_back(record.symbol, at);
    for (const std::string_view alias : record.aliases) {
      names.emplace_back(alias, at);
    }
  }
};

bool add_file(table& to, const char* path) {
  std::ifstream file(path);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const auto read = whorl::facts::read_facts(text);
  for (const auto& fault : read.faults) {
    fmt::print(stderr, "{}:{}: error: {}\n", path, fault.line, fault.what);
  }
  if (!file || read.facts.empty()) {
    fmt::print(stderr, "{}:1: error: no facts could be read; check that the file is there\n", path);
    return false;
  }
  for (const fact& record : read.facts) {
    to.add(record);
  }
  return read.faults.empty();
}

std::string literals(std::string_view text) {
  std::string written;
  for (std::size_t at = 0; at < text.size(); at += 100) {
    written += '"';
    for (const char each : text.substr(at, 100)) {
      if (each == '\n') {
        written += "\\n";
      } else if (each == '"' || each == '\\' || each == '?') {
        written += '\\';
        written += each;
      } else {
        written += each;
      }
    }
    written += "\"\n";
  }
  return written;
}

std::string source_of(table whole) {
  std::ranges::sort(whole.names);
  std::string entries;
  std::string lower;
  for (const auto& [name, record] : whole.names) {
    entries += fmt::format("    {{{}, {}, {}, {}, {}}},\n", whole.text.find(name, record), name.size(), record,
                           lower.size(), name.find_last_of(":.") + 1);  // 0 without a mark: npos + 1
    std::ranges::transform(name, std::back_inserter(lower),
                           [](unsigned char each) { return static_cast<char>(std::tolower(each)); });
  }
  return fmt::format(R"(#include "facts/fact_text.h"

// Compilers must take 65,536 bytes; ours take any number.
#pragma GCC diagnostic ignored "-Woverlength-strings"

namespace whorl::facts {{
namespace {{

constexpr char text[] =
{};

constexpr char lower[] =
{};

constexpr name_entry names[] = {{
{}}};

}}  // namespace

std::string_view fact_text() noexcept {{ return {{text, sizeof(text) - 1}}; }}
std::string_view lower_names() noexcept {{ return {{lower, sizeof(lower) - 1}}; }}
std::span<const name_entry> fact_names() noexcept {{ return names; }}

}}  // namespace whorl::facts
)",
                     literals(whole.text), literals(lower), entries);
}

}  // namespace

int main(int argc, char** argv) {
  const std::span<char*> arguments(argv, static_cast<std::size_t>(argc));
  if (arguments.size() < 3) {
    fmt::print(stderr, "usage: write_table OUTPUT FILE...\n");
    return 2;
  }
  table whole;
  bool good = true;
  for (const char* path : arguments.subspan(2)) {
    good = add_file(whole, path) && good;
  }
  if (!good) {
    return 1;
  }
  std::ofstream output(arguments[1]);
  output << source_of(std::move(whole));
  output.close();
  return output ? 0 : 1;
}
