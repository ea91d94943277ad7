#include <whorl/jobs/bootstrap.h>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <numeric>

namespace whorl {

namespace {

__extension__ using wide = unsigned __int128;

// Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators (2014); its finaliser is a bijection.
std::uint64_t scramble(std::uint64_t bits) noexcept {
  bits = (bits ^ (bits >> 30)) * 0xBF58476D1CE4E5B9;
  bits = (bits ^ (bits >> 27)) * 0x94D049BB133111EB;
  return bits ^ (bits >> 31);
}

// xoshiro256++ of Blackman and Vigna (2018). One for each resample, so that resamples do not depend on each other.
class random_indices {
 public:
  random_indices(std::uint64_t seed, std::uint64_t resample) noexcept {
    std::uint64_t counter = scramble(scramble(seed) + resample);
    for (std::uint64_t& word : state_) {
      counter += 0x9E3779B97F4A7C15;
      word = scramble(counter);
    }
  }

  // Below `size`, all as likely as each other to within size / 2^64.
  std::size_t next(std::uint64_t size) noexcept {
    const std::uint64_t bits = std::rotl(state_[0] + state_[3], 23) + state_[0];
    const std::uint64_t shifted = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = std::rotl(state_[3], 45);
    return static_cast<std::size_t>((wide(bits) * size) >> 64);
  }

 private:
  std::array<std::uint64_t, 4> state_;
};

constexpr std::size_t draws_between_looks = 65'536;

// Nothing if it was stopped.
std::optional<double> resample_mean(std::span<const double> sample, random_indices random,
                                    const std::stop_token& stop) noexcept {
  double sum = 0;
  for (std::size_t drawn = 0; drawn < sample.size();) {
    if (stop.stop_requested()) {
      return std::nullopt;
    }
    const std::size_t until = std::min(sample.size(), drawn + draws_between_looks);
    for (; drawn < until; ++drawn) {
      sum += sample[random.next(sample.size())];
    }
  }
  return sum / static_cast<double>(sample.size());
}

// Reorders `numbers`.
double quantile(std::span<double> numbers, double part) {
  const double position = part * static_cast<double>(numbers.size() - 1);
  const auto below = static_cast<std::size_t>(position);
  const auto at = numbers.begin() + static_cast<std::ptrdiff_t>(below);
  std::nth_element(numbers.begin(), at, numbers.end());
  if (at + 1 == numbers.end()) {
    return *at;
  }
  const double above = *std::min_element(at + 1, numbers.end());
  return *at + ((position - static_cast<double>(below)) * (above - *at));
}

std::unexpected<error> no_sample() {
  return std::unexpected(error(errc::bad_input, "the sample is empty, it has no mean; give it one number at least"));
}

}  // namespace

result<std::vector<double>> resample_means(std::span<const double> sample, index_range range, std::uint64_t seed,
                                           std::stop_token stop) {
  if (sample.empty()) {
    return no_sample();
  }
  std::vector<double> means;
  means.reserve(range.end - range.first);
  for (std::uint64_t resample = range.first; resample < range.end; ++resample) {
    const std::optional<double> mean = resample_mean(sample, random_indices(seed, resample), stop);
    if (!mean) {
      return std::unexpected(error(errc::cancelled));
    }
    means.push_back(*mean);
  }
  return means;
}

result<bootstrap_interval> percentile_interval(std::span<const double> sample, std::vector<double> means,
                                               double level) {
  if (sample.empty() || means.empty()) {
    return no_sample();
  }
  if (!(level > 0 && level < 1)) {
    return std::unexpected(
        error(errc::bad_input, fmt::format("the level {} is not between 0 and 1; 0.95 is usual", level)));
  }
  bootstrap_interval interval;
  interval.mean = std::accumulate(sample.begin(), sample.end(), 0.0) / static_cast<double>(sample.size());
  interval.low = quantile(means, (1 - level) / 2);
  interval.high = quantile(means, (1 + level) / 2);
  if (!std::isfinite(interval.mean) || !std::isfinite(interval.low) || !std::isfinite(interval.high)) {
    return std::unexpected(error(errc::bad_input, "the numbers are too large to be added up; scale them down"));
  }
  return interval;
}

}  // namespace whorl
