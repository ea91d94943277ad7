// explore runs a program in many simulations, each with a seed of its own, until one fails.
//
//     void transfer(simulation& world);                          // fails by throwing
//     const exploration seen = explore({.count = 10'000}, transfer);
//     if (!seen.passed()) std::puts(seen.report.c_str());        // names the seed, and shows what happened
//
// A run fails when the program throws, when it comes to a deadlock, and when a failure was left that nobody handled.
// With WHORL_SEED=n in the environment only that seed is run.
//
// Thread: one, see simulation.h.
#pragma once

#include <whorl/testing/simulation.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace whorl::testing {

struct seeds {
  std::uint64_t first = 1;
  std::uint64_t count = 1000;
};

struct exploration {
  bool passed() const noexcept { return !failed_seed; }

  std::uint64_t runs = 0;
  std::optional<std::uint64_t> failed_seed;
  std::string report;  // empty, or how the run failed, how to run it alone, and what happened in it
};

exploration explore(seeds which, const std::function<void(simulation&)>& program);

}  // namespace whorl::testing
