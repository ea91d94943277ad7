#include <fmt/format.h>
#include <whorl/testing/captured_log.h>
#include <whorl/testing/explore.h>

#include <charconv>
#include <cstdlib>
#include <exception>
#include <string_view>
#include <utility>

namespace whorl::testing {

namespace {

using simulated = std::function<void(simulation&)>;

constexpr std::size_t shown_lines = 40;

struct run {
  std::string failure;  // empty: it passed
  std::string trace;
};

run run_once(std::uint64_t seed, const simulated& program) {
  const captured_log log;
  simulation world(seed);
  run made;
  try {
    program(world);
    if (const auto left = log.unhandled_failures(); !left.empty()) {
      made.failure = fmt::format("seed {} fails: nobody handled a failure: {}", seed, left.front());
    }
  } catch (const run_failed& why) {
    made.failure = why.what();
  } catch (const std::exception& why) {
    made.failure = fmt::format("seed {} fails: {}", seed, why.what());
  } catch (...) {
    made.failure = fmt::format("seed {} fails: something that is no std::exception was thrown", seed);
  }
  if (!made.failure.empty()) {
    made.trace = world.trace();
  }
  return made;
}

std::string_view last_lines(std::string_view text, std::size_t most) {
  std::size_t from = text.size();
  for (std::size_t lines = 0; lines <= most && from != std::string_view::npos && from != 0; ++lines) {
    from = text.rfind('\n', from - 1);
  }
  return from == std::string_view::npos || from == 0 ? text : text.substr(from + 1);
}

std::string report_on(std::uint64_t seed, const run& failed, const simulated& program) {
  std::string report = fmt::format("{}\nrun it alone with WHORL_SEED={}; what happened last:\n{}", failed.failure, seed,
                                   last_lines(failed.trace, shown_lines));
  if (run_once(seed, program).trace != failed.trace) {
    report +=
        "a second run with this seed went another way: something else than the seed decides, such as a clock, a "
        "thread, or what an earlier run left behind\n";
  }
  return report;
}

seeds from_environment(seeds otherwise) {
  const char* given = std::getenv("WHORL_SEED");  // NOLINT(concurrency-mt-unsafe): nobody changes it
  if (given == nullptr) {
    return otherwise;
  }
  const std::string_view text(given);
  seeds one{.first = 0, .count = 1};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), one.first);
  if (error != std::errc() || end != text.data() + text.size()) {
    throw misuse(fmt::format("WHORL_SEED={} is no seed: give a number from 0 to {}", text, UINT64_MAX));
  }
  return one;
}

}  // namespace

exploration explore(seeds which, const simulated& program) {
  const auto [first, count] = from_environment(which);
  exploration seen;
  for (std::uint64_t number = 0; number < count; ++number) {
    const std::uint64_t seed = first + number;
    ++seen.runs;
    const run made = run_once(seed, program);
    if (!made.failure.empty()) {
      seen.failed_seed = seed;
      seen.report = report_on(seed, made, program);
      break;
    }
  }
  return seen;
}

}  // namespace whorl::testing
