// whorl facts: what the knowledge base holds (count), records of it drawn at random for review (sample), whether a file of
// records is sound (check), and what headers, sources and manuals say of threads and waiting, as proposals for records (grep).
#include "cli/command.h"

#include <whorl/facts/fact_file.h>
#include <whorl/facts/fact_scanner.h>
#include <whorl/facts/fact_table.h>
#include <whorl/process/command.h>

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <random>
#include <ranges>
#include <system_error>
#include <utility>

namespace whorl::cli {

namespace {

using counts = std::map<std::string_view, std::size_t>;

void print_counts(const char* by, const counts& counted) {
  fmt::print("{}\n", by);
  for (const auto& [name, count] : counted) {
    fmt::print("  {:>6}  {}\n", count, name);
  }
}

struct area_counts {
  std::size_t records = 0;
  std::size_t names = 0;
  std::array<std::size_t, 4> by_best_grade{};
};

void print_area(std::string_view name, const area_counts& counted) {
  const auto& [guessed, documented, inferred, demonstrated] = counted.by_best_grade;
  fmt::print("{:<10}{:>8}{:>8}{:>9}{:>12}{:>10}{:>14}\n", name, counted.records, counted.names, guessed, documented,
             inferred, demonstrated);
}

int count() {
  std::map<std::string_view, area_counts> areas;
  area_counts all;
  counts grades;
  counts sources;
  counts levels;
  counts waits;
  const std::vector<facts::fact> every = facts::all_facts();
  for (const facts::fact& record : every) {
    for (area_counts* counted : {&areas[record.area], &all}) {
      ++counted->records;
      counted->names += 1 + record.aliases.size();
      ++counted->by_best_grade.at(static_cast<std::size_t>(record.best_grade()));
    }
    ++levels[facts::name_of(record.threads)];
    ++waits[facts::name_of(record.blocking)];
    for (const facts::evidence& seen : record.sources) {
      const bool is_page = seen.version.starts_with("Linux man-pages");
      ++sources[is_page ? seen.version : seen.source];
      ++grades[facts::name_of(seen.grade)];
    }
  }
  fmt::print("{} records of {} names\n\n", all.records, all.names);
  fmt::print("{:<10}{:>8}{:>8}{:>9}{:>12}{:>10}{:>14}\n", "area", "records", "names", "guessed", "documented",
             "inferred", "demonstrated");
  for (const auto& [name, counted] : areas) {
    print_area(name, counted);
  }
  print_area("all", all);
  fmt::print(
      "(by the best grade of a record's evidence; of a function some records know how it waits, others its "
      "threads)\n\n");
  print_counts("records by thread class", levels);
  print_counts("records by blocking class", waits);
  print_counts("evidence by grade", grades);
  print_counts("evidence by source", sources);
  return exit_done;
}

struct sampling {
  std::uint64_t seed = 0;
  std::size_t count = 200;
};

// The same records for the same seed and the same files, in the order of the files.
int sample(const sampling& asked) {
  std::vector<facts::fact> drawn = facts::all_facts();
  const std::size_t count = std::min(asked.count, drawn.size());
  std::mt19937_64 engine(asked.seed);
  for (std::size_t at = 0; at < count; ++at) {
    std::swap(drawn[at], drawn[at + engine() % (drawn.size() - at)]);
  }
  drawn.resize(count);
  std::ranges::sort(drawn, {}, [](const facts::fact& record) { return record.symbol.data(); });
  for (std::size_t at = 0; at < count; ++at) {
    fmt::print("# {} of {}, of the area {}\n{}\n", at + 1, count, drawn[at].area, facts::to_text(drawn[at]));
  }
  return exit_done;
}

std::string read_file(const std::string& path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) {
    throw error(errc::not_found, fmt::format("facts \"{}\": it is a directory; name files", path));
  }
  std::ifstream file(path, std::ios::binary);
  if (!file.is_open()) {
    throw error::system(errno, fmt::format("facts \"{}\"", path), "check the path, and that it may be read");
  }
  return {std::istreambuf_iterator<char>(file), {}};
}

// Only what people write for people and compilers is worth reading.
bool may_tell(const std::filesystem::path& path) {
  constexpr std::array endings = {".h",   ".hh",   ".hpp",  ".c",    ".cc", ".cpp", ".py", ".txt", ".md",
                                  ".rst", ".html", ".texi", ".sgml", ".gz", ".2",   ".3",  ".7"};
  return std::ranges::find(endings, path.extension().string()) != endings.end();
}

std::vector<std::string> files_below(const std::string& path) {
  if (!std::filesystem::exists(path)) {
    throw error(errc::not_found,
                fmt::format("facts grep \"{}\": there is no such file or directory; check the path", path));
  }
  std::vector<std::string> files;
  if (std::filesystem::is_regular_file(path)) {
    files.push_back(path);
    return files;
  }
  if (!std::filesystem::is_directory(path)) {
    throw error(errc::not_found, fmt::format("facts grep \"{}\": it is neither a file nor a directory", path));
  }
  if (::access(path.c_str(), R_OK | X_OK) != 0) {
    throw error::system(errno, fmt::format("facts grep \"{}\"", path), "name a directory that may be read");
  }
  for (const auto& entry : std::filesystem::recursive_directory_iterator(
           path, std::filesystem::directory_options::skip_permission_denied)) {
    if (entry.is_regular_file() && may_tell(entry.path())) {
      files.push_back(entry.path().string());
    }
  }
  std::ranges::sort(files);
  return files;
}

deferred<std::string> unpacked(reactor& loop, std::string file) {
  const auto unpack = process::command("gzip").args("-dc", file);
  co_return co_await unpack.check_output(loop);
}

// What cannot be read, among many, is told of and left out.
deferred<int> grep(reactor& loop, std::vector<std::string> paths) {
  std::vector<facts::scanned_text> scanned;
  std::size_t files = 0;
  int status = exit_done;
  for (const std::string& path : paths) {
    for (const std::string& file : files_below(path)) {
      std::string text;
      try {
        if (file.ends_with(".gz")) {
          text = co_await unpacked(loop, file);
        } else {
          text = read_file(file);
        }
      } catch (const error& why) {
        if (why.is(errc::cancelled)) {
          throw;
        }
        complain(why.what());
        status = exit_failed;
        continue;
      }
      ++files;
      auto ideas = facts::propose_facts(file, text);
      if (!ideas.empty()) {
        scanned.push_back({.source = file, .proposals = std::move(ideas)});
      }
    }
  }
  fmt::print("{}", facts::to_text(scanned));
  fmt::print(stderr, "whorl: best guesses from {} of {} files, to be reviewed; none of them is a fact yet\n",
             scanned.size(), files);
  co_return status;
}

int check_file(const std::string& path) {
  constexpr std::size_t most_faults = 100;
  const std::string text = read_file(path);
  if (text.find('\0') != std::string::npos) {
    fmt::print("{}:1: it is no text\n", path);
    return exit_failed;
  }
  const facts::fact_file read = facts::read_facts(text);
  for (const facts::fact_fault& fault : read.faults | std::views::take(most_faults)) {
    fmt::print("{}:{}: {}\n", path, fault.line, fault.what);
  }
  if (read.faults.size() > most_faults) {
    fmt::print("{}: {} faults more\n", path, read.faults.size() - most_faults);
  }
  if (read.faults.empty() && read.facts.empty()) {
    fmt::print("{}: it holds no record\n", path);
  } else if (read.faults.empty()) {
    fmt::print("{}: {} records, all sound\n", path, read.facts.size());
  }
  return read.faults.empty() && !read.facts.empty() ? exit_done : exit_failed;
}

int check(const std::vector<std::string>& paths) {
  int status = exit_done;
  for (const std::string& path : paths) {
    try {
      status = std::max(status, check_file(path));
    } catch (const error& why) {
      complain(why.what());
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
  auto drawn = std::make_shared<sampling>();
  CLI::App* samples =
      command->add_subcommand("sample", "Print records drawn at random, to be checked against their sources");
  samples->add_option("--seed", drawn->seed, "What decides on the draw; the same draws the same")
      ->required()
      ->check(CLI::NonNegativeNumber);
  samples->add_option("--count", drawn->count, "How many")->check(CLI::PositiveNumber)->capture_default_str();
  samples->callback([drawn, &status] { status = sample(*drawn); });
  auto paths = std::make_shared<std::vector<std::string>>();
  CLI::App* checks = command->add_subcommand("check", "Say what is wrong with files of records");
  checks->add_option("file", *paths, "Files of records")->required();
  checks->callback([paths, &status] { status = check(*paths); });
  CLI::App* greps = command->add_subcommand(
      "grep", "Find what headers, sources and manuals say of threads and waiting, and propose records: best guesses");
  greps->add_option("path", *paths, "Files and directories, as in /usr/include/zlib.h")->required();
  greps->callback([paths, &status] { status = run_command(grep, *paths); });
}

}  // namespace whorl::cli
