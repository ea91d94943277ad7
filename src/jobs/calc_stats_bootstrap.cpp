// stats.bootstrap: the mean of a column and its bootstrap interval. The pool reads the sample, shares it read-only among
// as many calls as it has threads, and puts their means together.
#include <fmt/format.h>
#include <whorl/jobs/bootstrap.h>
#include <whorl/jobs/calcs.h>
#include <whorl/places/defer_to.h>

#include <algorithm>
#include <memory>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "jobs/calc_input.h"

namespace whorl {

namespace {

constexpr std::size_t most_numbers = 20'000'000;
constexpr double most_resamples = 1'000'000;
constexpr std::uint64_t draws_between_reports = 1'000'000;

// A column without its empty cells.
struct column_sample {
  std::vector<double> numbers;
  std::uint64_t missing = 0;
};

result<void> append_rows(csv_block block, const csv_header& header, std::size_t column, column_sample& sample) {
  csv_rows rows(std::move(block), header.size());
  while (true) {
    const result<bool> more = rows.next();
    if (!more) {
      return std::unexpected(more.error());
    }
    if (!*more) {
      return {};
    }
    const auto number = parse_number(rows.cells()[column], {.row = rows.row(), .column = header.names()[column]});
    if (!number) {
      return std::unexpected(number.error());
    }
    if (*number) {
      sample.numbers.push_back(**number);
    } else {
      ++sample.missing;
    }
  }
}

result<void> check_size(const column_sample& sample, const std::string& column) {
  if (sample.numbers.size() > most_numbers) {
    return std::unexpected(
        error(errc::too_large, fmt::format("column \"{}\" has more than {} numbers, all of which are kept in memory; "
                                           "take a part of the table",
                                           column, most_numbers)));
  }
  return {};
}

result<column_sample> read_column(may_block& wait, const std::stop_token& stop, input_table table,
                                  const std::string& name) {
  const result<std::size_t> column = table.header.find(name);
  if (!column) {
    return std::unexpected(column.error());
  }
  column_sample sample;
  while (!stop.stop_requested()) {
    result<std::optional<csv_block>> block = table.source.next(wait);
    if (!block) {
      return std::unexpected(block.error());
    }
    if (!*block) {
      return sample;
    }
    result<void> appended = append_rows(*std::move(*block), table.header, *column, sample);
    appended = appended ? check_size(sample, name) : appended;
    if (!appended) {
      return std::unexpected(appended.error());
    }
  }
  return std::unexpected(error(errc::cancelled));
}

// In the pool:

using shared_numbers = std::shared_ptr<const std::vector<double>>;

struct shared_sample {
  shared_numbers numbers;
  std::uint64_t missing = 0;
  call_time time;
};

result<shared_sample> load_sample(may_block& wait, std::stop_token stop, std::shared_ptr<const file_roots> inputs,
                                  const value& input, const std::string& column) {
  const call_clock clock;
  result<input_table> table = open_input(wait, *inputs, input);
  if (!table) {
    return std::unexpected(table.error());
  }
  result<column_sample> sample = read_column(wait, stop, std::move(*table), column);
  if (!sample) {
    return std::unexpected(sample.error());
  }
  if (sample->numbers.empty()) {
    return std::unexpected(
        error(errc::bad_input, fmt::format("column \"{}\" has no number, so it has no mean; choose another", column)));
  }
  return shared_sample{.numbers = std::make_shared<const std::vector<double>>(std::move(sample->numbers)),
                       .missing = sample->missing,
                       .time = clock.stop()};
}

struct some_means {
  std::vector<double> means;
  call_time time;
};

// In steps, so that progress can be told.
result<some_means> resample(std::stop_token stop, index_range range, shared_numbers sample, std::uint64_t seed,
                            calc_progress progress) {
  const call_clock clock;
  const std::uint64_t step = std::max<std::uint64_t>(1, draws_between_reports / sample->size());
  some_means all;
  for (std::uint64_t first = range.first; first < range.end; first += step) {
    const index_range part{.first = first, .end = std::min(range.end, first + step)};
    const result<std::vector<double>> means = resample_means(*sample, part, seed, stop);
    if (!means) {
      return std::unexpected(means.error());
    }
    all.means.insert(all.means.end(), means->begin(), means->end());
    progress.advance(part.end - part.first);
  }
  all.time = clock.stop();
  return all;
}

struct found_interval {
  bootstrap_interval interval;
  call_time time;
};

result<found_interval> find_interval(shared_numbers sample, std::vector<std::vector<double>> parts, double level) {
  const call_clock clock;
  std::vector<double> means;
  for (const std::vector<double>& part : parts) {
    means.insert(means.end(), part.begin(), part.end());
  }
  const result<bootstrap_interval> interval = percentile_interval(*sample, std::move(means), level);
  if (!interval) {
    return std::unexpected(interval.error());
  }
  return found_interval{.interval = *interval, .time = clock.stop()};
}

// On the loop:

value answer_of(const calc_run& run, const shared_sample& sample, const bootstrap_interval& interval) {
  value answer;
  answer.set("mean", interval.mean).set("low", interval.low).set("high", interval.high);
  answer.set("n", sample.numbers->size()).set("missing", sample.missing);
  for (const char* name : {"column", "level", "resamples", "seed"}) {
    answer.set(name, *run.arguments.find(name));
  }
  return answer;
}

deferred<calc_result> run(calc_run run) {
  part_list parts;
  thread_pool& pool = run.places.pool;
  const std::string column = run.arguments.find("column")->as_text();
  auto sample = co_await defer_to(pool, load_sample, run.places.inputs, *run.arguments.find("input"), column);
  parts.add("read", place_kind::pool, std::move(sample.time));
  run.progress.add_rows(sample.numbers->size() + sample.missing);

  const auto resamples = static_cast<std::uint64_t>(run.arguments.find("resamples")->as_integer());
  const auto seed = static_cast<std::uint64_t>(run.arguments.find("seed")->as_integer());
  run.progress.set_total(resamples);
  const range_split split{.size = resamples, .parts = run.places.pool_threads};
  auto resampled = co_await parallel_for(pool, split, resample, sample.numbers, seed, run.progress);
  std::vector<std::vector<double>> means;
  for (some_means& some : resampled) {
    parts.add("resample", place_kind::pool, std::move(some.time));
    means.push_back(std::move(some.means));
  }
  const double level = run.arguments.find("level")->as_number();
  auto found = co_await defer_to(pool, find_interval, sample.numbers, std::move(means), level);
  parts.add("find the interval", place_kind::pool, std::move(found.time));

  calc_result done;
  done.answer = answer_of(run, sample, found.interval);
  done.parts = std::move(parts).take();
  co_return done;
}

std::optional<objection> check_level(const value& arguments) {
  const double level = arguments.find("level")->as_number();
  if (level > 0 && level < 1) {
    return std::nullopt;
  }
  return objection{.what = fmt::format("the level {} is not between 0 and 1", level),
                   .where = "args.level",
                   .hint = "0.95 is usual: 95 of 100 such intervals hold the mean"};
}

}  // namespace

calc stats_bootstrap() {
  return {.name = "stats.bootstrap",
          .summary = "The mean of a column of a table, with a bootstrap confidence interval",
          .places = {{.place = place_kind::pool,
                      .reason = "it computes for long on numbers that nobody changes: on the loop it would hold up "
                                "every connection, in the pool it is split over all threads"}},
          .parameters = {{.name = "input", .kind = parameter_kind::table, .summary = "the table, with a header"},
                         {.name = "column", .kind = parameter_kind::text, .summary = "the column of numbers"},
                         {.name = "resamples",
                          .kind = parameter_kind::integer,
                          .summary = "how often the sample is drawn again",
                          .otherwise = 10'000,
                          .least = 1,
                          .most = most_resamples},
                         {.name = "seed",
                          .kind = parameter_kind::integer,
                          .summary = "the same seed gives the same interval",
                          .otherwise = 1},
                         {.name = "level",
                          .kind = parameter_kind::number,
                          .summary = "how sure the interval is to be, between 0 and 1",
                          .otherwise = 0.95}},
          .check_further = &check_level,
          .run = &run};
}

}  // namespace whorl
