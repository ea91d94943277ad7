// A calc is a calculation with a name: what it takes, where it runs and why there, and how to run it. A registry of
// calcs is what a server offers.
//
//     calc_registry offered = standard_calcs();           // calcs.h
//     const calc* chosen = offered.find("units.convert");
//     auto checked = chosen->check(arguments);            // the arguments with defaults, or an objection
//     calc_run run(places, *checked, calc_progress(), "42-1.csv");
//     calc_result done = co_await chosen->run(run);
//
// Thread:   the loop's. A calc's parts go to their places with defer_to; progress may be told from everywhere.
#pragma once

#include <whorl/deferred/deferred.h>
#include <whorl/jobs/calc_parts.h>
#include <whorl/jobs/calc_progress.h>
#include <whorl/jobs/value.h>

#include <cstddef>
#include <expected>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace whorl {

class file_roots;
class process_pool;
class thread_pool;
class unit_system;
struct exec_programs;
template <class T>
class lane;

// What is wrong with an input, at which argument, and what to do about it.
struct objection {
  std::string what = {};
  std::string where = {};  // as in "args.resamples"
  std::string hint = {};

  error to_error() const;

  // Of an error whose message says what is wrong, a semicolon, and what to do, as all of ours do.
  static objection from(const error& why, std::string where);
};

enum class parameter_kind {
  number,
  integer,
  text,
  texts,
  numbers,  // one, or a list of them
  table,    // {"file": its name}, or {"text": comma-separated values}
  object,
};
std::string_view name_of(parameter_kind kind) noexcept;

struct calc_parameter {
  std::string name;
  parameter_kind kind;
  std::string summary;
  std::optional<value> otherwise = {};  // the default; without one the argument is required
  std::optional<double> least = {};     // bounds of a number
  std::optional<double> most = {};
};

// A place that a calculation visits, and the reason.
struct calc_place {
  place_kind place;
  std::string reason;
};

struct calc_result {
  value answer;
  std::optional<std::filesystem::path> table;  // set if the result is a table: the file it is in
  std::vector<calc_part> parts;
};

// What calculations run on; the server owns all of it, and it outlives every run.
struct calc_places {
  thread_pool& pool;
  std::size_t pool_threads;
  lane<unit_system>& units;
  std::shared_ptr<const file_roots> inputs;
  process_pool* processes = nullptr;        // null: this server has none
  const exec_programs* programs = nullptr;  // that jobs may run; null: none
};

// What one run is given.
struct calc_run {
  calc_places places;
  value arguments;  // as calc::check returned them
  calc_progress progress;
  std::filesystem::path table;  // where to write a table: a name that no other run, and no other attempt, was given
};

struct calc {
  std::string name;
  std::string summary;
  std::vector<calc_place> places;  // in the order in which they are visited
  std::vector<calc_parameter> parameters;

  // What the parameters' kinds cannot say; may be null.
  std::optional<objection> (*check_further)(const value& arguments) = nullptr;

  // Cancel: cancelling, or dropping, the deferred stops the run; places see it by their stop_token.
  deferred<calc_result> (*run)(calc_run run) = nullptr;

  // The arguments with the defaults filled in, or the first thing wrong with them.
  std::expected<value, objection> check(const value& arguments) const;

  // "lane, then pool"
  std::string place_names() const;

  // Name, summary, places with reasons, and parameters, for those who ask what is offered.
  value describe() const;
};

// Lifetime: calcs stay where they are until the registry dies.
class calc_registry {
 public:
  // Fails: throws misuse for a name that is taken, or a calc without places, reasons or run.
  void add(calc offered);

  const calc* find(std::string_view name) const noexcept;

  // The calc of this name, or an objection that lists those there are.
  std::expected<const calc*, objection> require(std::string_view name) const;

  std::vector<const calc*> all() const;  // by name

 private:
  std::map<std::string, calc, std::less<>> calcs_;
};

// The parts as a list of {part, place, thread, milliseconds, calls}.
value to_value(const std::vector<calc_part>& parts);

}  // namespace whorl
