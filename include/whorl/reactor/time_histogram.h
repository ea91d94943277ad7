// A time_histogram counts how long things took, in buckets that double.
//
// Thread: a value; whoever keeps one guards it.
// Cost:   some nanoseconds a count, no allocation.
#pragma once

#include <whorl/reactor/time.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace whorl {

struct time_histogram {
  static constexpr std::size_t buckets = 24;

  // Bucket i counts what took less than 2^i microseconds; the last one counts the rest.
  std::array<std::uint64_t, buckets> counts{};
  std::uint64_t count = 0;
  duration longest{};
  duration total{};

  void add(duration took) noexcept {
    took = std::max(took, duration::zero());
    const auto bucket = static_cast<std::size_t>(std::bit_width(static_cast<std::uint64_t>(took.count()) / 1000));
    ++counts[std::min(bucket, buckets - 1)];
    ++count;
    total += took;
    longest = std::max(longest, took);
  }
};

}  // namespace whorl
