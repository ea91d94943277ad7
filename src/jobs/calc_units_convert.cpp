// units.convert: numbers from one unit to another, in the lane of the unit system.
#include <whorl/jobs/calcs.h>
#include <whorl/jobs/unit_system.h>
#include <whorl/places/defer_to.h>

#include <string>
#include <utility>
#include <vector>

namespace whorl {

namespace {

struct converted_numbers {
  std::vector<double> numbers;
  call_time time;
};

result<converted_numbers> convert_numbers(unit_system& units, std::vector<double> numbers, const std::string& from,
                                          const std::string& to) {
  const call_clock clock;
  result<std::vector<double>> converted = units.convert(std::move(numbers), from, to);
  if (!converted) {
    return std::unexpected(converted.error());
  }
  return converted_numbers{.numbers = std::move(*converted), .time = clock.stop()};
}

std::vector<double> numbers_of(const value& one_or_many) {
  std::vector<double> numbers;
  if (one_or_many.is_number()) {
    numbers.push_back(one_or_many.as_number());
    return numbers;
  }
  for (const value& number : one_or_many.as_list()) {
    numbers.push_back(number.as_number());
  }
  return numbers;
}

deferred<calc_result> run(calc_run run) {
  const value& given = *run.arguments.find("value");
  const std::string from = run.arguments.find("from")->as_text();
  const std::string to = run.arguments.find("to")->as_text();
  auto converted = co_await defer_to(run.places.units, convert_numbers, numbers_of(given), from, to);

  part_list parts;
  parts.add("convert", place_kind::lane, std::move(converted.time));
  value answer;
  if (given.is_number()) {
    answer = converted.numbers.front();
  } else {
    answer = value::list(converted.numbers.begin(), converted.numbers.end());
  }
  calc_result done;
  done.answer.set("value", std::move(answer)).set("from", from).set("to", to);
  done.parts = std::move(parts).take();
  co_return done;
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

calc units_convert() {
  return {
      .name = "units.convert",
      .summary = "Converts a number, or a list of numbers, from one unit of measurement to another",
      .places = {{.place = place_kind::lane,
                  .reason =
                      "UDUNITS-2 is not thread-safe: its parser and its last error are globals, and two threads in it "
                      "crash; in a lane one call runs after the other"}},
      .parameters = {{.name = "value", .kind = parameter_kind::numbers, .summary = "what to convert"},
                     {.name = "from", .kind = parameter_kind::text, .summary = "its unit, such as \"degC\" or \"m/s\""},
                     {.name = "to", .kind = parameter_kind::text, .summary = "the unit that is wanted"}},
      .check_further = &check_units,
      .run = &run};
}

}  // namespace whorl
