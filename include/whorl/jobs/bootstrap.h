// The bootstrap: how sure one can be of a mean, found by drawing the sample again and again from itself.
//
// Every resample has a random generator of its own, made from the seed and the resample's number. So the interval
// depends on (sample, resamples, seed, level) and not on how many threads shared the work.
//
// Thread:   any; plain functions of their arguments.
// Cost:     about 2 ns a number drawn: 30 ms for 10,000 resamples of 1,461 numbers.
// Source:   Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 13, the percentile interval; the
//           quantile between two means is interpolated, as type 7 of Hyndman and Fan (1996).
#pragma once

#include <whorl/deferred/error.h>
#include <whorl/places/parallel_for.h>

#include <cstdint>
#include <optional>
#include <span>
#include <stop_token>
#include <vector>

namespace whorl {

struct bootstrap_interval {
  double mean;  // of the sample itself
  double low;
  double high;
};

// The means of these resamples, in order.
// Fails:  errc::bad_input for an empty sample; errc::cancelled once `stop` was asked for.
// Cancel: looks at `stop` at least every 65,536 draws, well under a millisecond or so.
result<std::vector<double>> resample_means(std::span<const double> sample, index_range range, std::uint64_t seed,
                                           std::stop_token stop);

// The interval that holds `level` (between 0 and 1) of the means.
// Fails: errc::bad_input for an empty sample, no means, or a level outside of its range.
result<bootstrap_interval> percentile_interval(std::span<const double> sample, std::vector<double> means, double level);

}  // namespace whorl
