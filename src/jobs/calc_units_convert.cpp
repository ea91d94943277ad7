// units.convert: numbers from one unit to another, in one of three places.
#include <whorl/jobs/calcs.h>
#include <whorl/jobs/explanation.h>
#include <whorl/jobs/unit_system.h>
#include <whorl/places/defer_to.h>
#include <whorl/process/defer_to_process.h>

#include <array>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace whorl {

namespace {

struct converted_numbers {
  std::vector<double> numbers;
  call_time time;
};

}  // namespace

template <>
inline constexpr auto packed_members<converted_numbers> =
    std::tuple(&converted_numbers::numbers, &converted_numbers::time);

namespace {

result<converted_numbers> timed(const call_clock& clock, result<std::vector<double>> converted) {
  if (!converted) {
    return std::unexpected(converted.error());
  }
  return converted_numbers{.numbers = std::move(*converted), .time = clock.stop()};
}

// In a lane, and in a process.
result<converted_numbers> convert_numbers(unit_system& units, std::vector<double> numbers, const std::string& from,
                                          const std::string& to) {
  const call_clock clock;
  return timed(clock, units.convert(std::move(numbers), from, to));
}

const process_function known("units.convert", convert_numbers);

struct made_converter {
  std::shared_ptr<const unit_converter> converter;
  call_time time;
};

result<made_converter> make_converter(unit_system& units, const std::string& from, const std::string& to) {
  const call_clock clock;
  auto made = units.make_converter(from, to);
  if (!made) {
    return std::unexpected(made.error());
  }
  return made_converter{.converter = std::move(*made), .time = clock.stop()};
}

result<converted_numbers> apply_converter(const std::shared_ptr<const unit_converter>& converter,
                                          std::vector<double> numbers, const std::string& from, const std::string& to) {
  const call_clock clock;
  return timed(clock, converter->convert(std::move(numbers), from, to));
}

struct request {
  explicit request(const value& arguments)
      : from(arguments.find("from")->as_text()), to(arguments.find("to")->as_text()) {
    const value& given = *arguments.find("value");
    one = given.is_number();
    if (one) {
      numbers.push_back(given.as_number());
      return;
    }
    for (const value& number : given.as_list()) {
      numbers.push_back(number.as_number());
    }
  }

  calc_result result_of(std::vector<double> converted, part_list parts) const {
    value answer;
    if (one) {
      answer = converted.front();
    } else {
      answer = value::list(converted.begin(), converted.end());
    }
    calc_result done;
    done.answer.set("value", std::move(answer)).set("from", from).set("to", to);
    done.parts = std::move(parts).take();
    return done;
  }

  std::vector<double> numbers;
  std::string from;
  std::string to;
  bool one = false;
};

deferred<calc_result> run_in_lane(calc_run run) {
  request asked(run.arguments);
  auto converted = co_await defer_to(run.places.units, convert_numbers, std::move(asked.numbers), asked.from, asked.to);
  part_list parts;
  parts.add("convert", place_kind::lane, std::move(converted.time));
  co_return asked.result_of(std::move(converted.numbers), std::move(parts));
}

deferred<calc_result> run_in_pool(calc_run run) {
  request asked(run.arguments);
  auto made = co_await defer_to(run.places.units, make_converter, asked.from, asked.to);
  auto converted = co_await defer_to(run.places.pool, apply_converter, std::move(made.converter),
                                     std::move(asked.numbers), asked.from, asked.to);
  part_list parts;
  parts.add("make the converter", place_kind::lane, std::move(made.time));
  parts.add("convert", place_kind::pool, std::move(converted.time));
  co_return asked.result_of(std::move(converted.numbers), std::move(parts));
}

deferred<calc_result> run_in_process(calc_run run) {
  if (run.places.processes == nullptr) {
    throw error(errc::unsupported,
                "units.convert is to run in a process, and this server has none; give it a process_pool");
  }
  request asked(run.arguments);
  auto converted =
      co_await defer_to(*run.places.processes, convert_numbers, std::move(asked.numbers), asked.from, asked.to);
  part_list parts;
  parts.add("convert", place_kind::process, std::move(converted.time));
  co_return asked.result_of(std::move(converted.numbers), std::move(parts));
}

struct choice {
  std::vector<calc_place> places;
  deferred<calc_result> (*run)(calc_run run);
};

choice choose(place_kind where) {
  const calc_place lane{.place = place_kind::lane, .reason = reason_from_facts("ut_parse", facts::place::lane)};
  switch (where) {
    case place_kind::lane: return {.places = {lane}, .run = run_in_lane};
    case place_kind::pool:
      return {
          .places = {lane,
                     {.place = place_kind::pool, .reason = reason_from_facts("cv_convert_double", facts::place::pool)}},
          .run = run_in_pool};
    case place_kind::process:
      return {
          .places = {{.place = place_kind::process, .reason = reason_from_facts("ut_parse", facts::place::process)}},
          .run = run_in_process};
    case place_kind::loop: break;
  }
  throw misuse(
      "units.convert cannot run on the loop: reading the unit database waits for files; choose lane, pool or "
      "process");
}

std::optional<objection> check_units(const value& arguments) {
  for (const char* name : {"from", "to"}) {
    const result<void> sound = check_unit_text(arguments.find(name)->as_text());
    if (!sound) {
      return objection::from(sound.error(), std::string("args.") + name);
    }
  }
  return std::nullopt;
}

}  // namespace

calc units_convert(place_kind where) {
  choice chosen = choose(where);
  return {
      .name = "units.convert",
      .summary = "Converts a number, or a list of numbers, from one unit of measurement to another",
      .places = std::move(chosen.places),
      .parameters = {{.name = "value", .kind = parameter_kind::numbers, .summary = "what to convert"},
                     {.name = "from", .kind = parameter_kind::text, .summary = "its unit, such as \"degC\" or \"m/s\""},
                     {.name = "to", .kind = parameter_kind::text, .summary = "the unit that is wanted"}},
      .check_further = &check_units,
      .run = chosen.run};
}

}  // namespace whorl
