#include <whorl/places/parallel_for.h>

#include "places/test_loop.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <numeric>
#include <stop_token>
#include <vector>

namespace whorl {
namespace {

using shared_numbers = std::shared_ptr<const std::vector<int>>;

shared_numbers numbers_to(int last) {
  auto numbers = std::make_shared<std::vector<int>>(last);
  std::iota(numbers->begin(), numbers->end(), 1);
  return numbers;
}

int sum(index_range range, shared_numbers numbers) {
  return std::accumulate(numbers->begin() + static_cast<std::ptrdiff_t>(range.first),
                         numbers->begin() + static_cast<std::ptrdiff_t>(range.end), 0);
}

TEST(ParallelFor, GivesTheResultsOfThePartsInTheirOrder) {
  test_loop loop;
  thread_pool pool({.most_threads = 3});
  EXPECT_THAT(loop.run(parallel_for(pool, {.size = 10, .parts = 4}, sum, numbers_to(10))),
              testing::ElementsAre(6, 15, 15, 19));
}

TEST(ParallelFor, OfNothingGivesNothing) {
  test_loop loop;
  thread_pool pool;
  EXPECT_THAT(loop.run(parallel_for(pool, {.size = 0, .parts = 4}, sum, numbers_to(0))), testing::IsEmpty());
}

result<int> refuses_the_first(std::stop_token stop, index_range range) {
  if (range.first == 0) {
    return std::unexpected(error(errc::bad_input, "not the first"));
  }
  while (!stop.stop_requested()) {
    std::this_thread::yield();
  }
  return 1;
}

TEST(ParallelFor, TheFirstFailureStopsTheOtherParts) {
  test_loop loop;
  thread_pool pool({.most_threads = 3});
  const failure why = loop.run_to_failure(parallel_for(pool, {.size = 3, .parts = 3}, refuses_the_first));
  EXPECT_STREQ(why.error().what(), "not the first");
  loop.run(pool.stop());
}

TEST(SplitRange, GivesPartsOfNearlyTheSameSizeAndNoneEmpty) {
  std::vector<std::uint64_t> sizes;
  std::uint64_t next = 0;
  for (const index_range range : split_range({.size = 10, .parts = 4})) {
    EXPECT_EQ(range.first, next);
    next = range.end;
    sizes.push_back(range.end - range.first);
  }
  EXPECT_THAT(sizes, testing::ElementsAre(3, 3, 2, 2));
  EXPECT_EQ(split_range({.size = 2, .parts = 8}).size(), 2U);
  EXPECT_EQ(split_range({.size = 5, .parts = 0}).size(), 1U);
}

}  // namespace
}  // namespace whorl
