// parallel_for splits a calculation over the threads of a pool.
//
//     double sum(index_range range, std::shared_ptr<const std::vector<double>> numbers);
//     std::vector<double> sums = co_await parallel_for(pool, {.size = numbers->size(), .parts = 4}, sum, numbers);
//
// f is called once a part, as defer_to calls it, with the part's range in front of args; each call has its own copy of
// args, so large data is shared and const. The results are in the order of the ranges.
//
// Thread: a loop's.
// Fails:  with the first failure of a part, when the others, which it cancels, have ended.
// Cancel: cancels every part.
#pragma once

#include <whorl/deferred/gather.h>
#include <whorl/places/defer_to.h>

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace whorl {

// From `first` up to but not including `end`.
struct index_range {
  std::uint64_t first = 0;
  std::uint64_t end = 0;
};

struct range_split {
  std::uint64_t size = 0;
  std::size_t parts = 1;
};

// 0 to size in at most so many ranges of nearly the same size, none of them empty.
std::vector<index_range> split_range(range_split split);

template <class F, class... Args>
auto parallel_for(thread_pool& pool, range_split split, F f, const Args&... args) {
  std::vector<decltype(defer_to(pool, f, index_range(), args...))> underway;
  for (const index_range range : split_range(split)) {
    underway.push_back(defer_to(pool, f, range, args...));
  }
  return gather_or_cancel(std::move(underway));
}

}  // namespace whorl
