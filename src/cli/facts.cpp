// whorl facts: what the knowledge base holds (count), and whether a file of records is sound (check).
#include "cli/command.h"

#include <whorl/facts/fact_file.h>
#include <whorl/facts/fact_table.h>

#include <fmt/format.h>

#include <fstream>
#include <iterator>
#include <map>
#include <memory>

namespace whorl::cli {

namespace {

using counts = std::map<std::string_view, std::size_t>;

void print_counts(const char* by, const counts& counted) {
  fmt::print("{}\n", by);
  for (const auto& [name, count] : counted) {
    fmt::print("  {:>6}  {}\n", count, name);
  }
}

int count() {
  counts areas;
  counts grades;
  counts sources;
  counts levels;
  counts waits;
  std::size_t names = 0;
  const std::vector<facts::fact> all = facts::all_facts();
  for (const facts::fact& record : all) {
    names += 1 + record.aliases.size();
    ++areas[record.area];
    ++grades[facts::name_of(record.best_grade())];
    ++levels[facts::name_of(record.threads)];
    ++waits[facts::name_of(record.blocking)];
    for (const facts::evidence& seen : record.sources) {
      const bool is_page = seen.version.starts_with("Linux man-pages");
      ++sources[is_page ? seen.version : seen.source];
    }
  }
  fmt::print("{} records of {} names\n", all.size(), names);
  print_counts("by area", areas);
  print_counts("by best grade", grades);
  print_counts("by thread class", levels);
  print_counts("by blocking class", waits);
  print_counts("evidence by source", sources);
  return exit_done;
}

int check(const std::vector<std::string>& paths) {
  int status = exit_done;
  for (const std::string& path : paths) {
    std::ifstream file(path);
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    if (!file.is_open()) {
      complain(fmt::format("facts check \"{}\": it cannot be opened; check the path", path));
      return exit_failed;
    }
    const facts::fact_file read = facts::read_facts(text);
    for (const facts::fact_fault& fault : read.faults) {
      fmt::print("{}:{}: {}\n", path, fault.line, fault.what);
    }
    if (read.faults.empty()) {
      fmt::print("{}: {} records, all sound\n", path, read.facts.size());
    } else {
      status = exit_failed;
    }
  }
  return status;
}

}  // namespace

void add_facts(CLI::App& app, int& status) {
  CLI::App* command =
      app.add_subcommand("facts", "Look into the facts that `whorl explain` goes by, and review new ones");
  command->require_subcommand(1);
  command->add_subcommand("count", "Count the records by area, grade, class and source")->callback([&status] {
    status = count();
  });
  auto paths = std::make_shared<std::vector<std::string>>();
  CLI::App* checks = command->add_subcommand("check", "Say what is wrong with files of records");
  checks->add_option("file", *paths, "Files of records")->required();
  checks->callback([paths, &status] { status = check(*paths); });
}

}  // namespace whorl::cli
