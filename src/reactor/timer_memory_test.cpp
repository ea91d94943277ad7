#include <whorl/reactor/timer_memory.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <random>
#include <set>
#include <vector>

namespace whorl::detail {
namespace {

struct block {
  unsigned char* at;
  std::size_t bytes;
  unsigned char filled_with;

  bool untouched() const {
    return std::all_of(at, at + bytes, [this](unsigned char each) { return each == filled_with; });
  }
};

class TimerMemory : public testing::Test {
 public:
  ~TimerMemory() override {
    while (!taken_.empty()) {
      give(taken_.size() - 1);
    }
  }

 protected:
  void take(std::size_t bytes) {
    auto* at = static_cast<unsigned char*>(memory_->take(bytes));
    taken_.push_back({at, bytes, static_cast<unsigned char>(random_())});
    std::memset(at, taken_.back().filled_with, bytes);
  }

  void give(std::size_t index) {
    std::swap(taken_[index], taken_.back());
    const block gone = taken_.back();
    taken_.pop_back();
    EXPECT_TRUE(gone.untouched()) << gone.bytes << " bytes";
    timer_memory::give(gone.at, timer_memory::granules(gone.bytes));
  }

  std::mt19937 random_{7};
  std::unique_ptr<timer_memory> memory_ = std::make_unique<timer_memory>();
  std::vector<block> taken_;
};

TEST_F(TimerMemory, BlocksTakenAndGivenInAnyOrderNeverOverlap) {
  for (int round = 0; round < 6; ++round) {
    const std::size_t wanted = round % 2 == 0 ? 10'000 : 100;
    while (taken_.size() != wanted) {
      if (taken_.empty() || random_() % 5 < (taken_.size() < wanted ? 3U : 2U)) {
        take(1 + random_() % 400);
      } else {
        give(random_() % taken_.size());
      }
    }
  }
}

TEST_F(TimerMemory, BlocksOutliveTheMemoryTheyWereTakenFrom) {
  for (int i = 0; i < 5'000; ++i) {
    take(64);
  }
  for (int i = 0; i < 2'000; ++i) {
    give(random_() % taken_.size());
  }
  memory_.reset();
}

TEST_F(TimerMemory, TakesAgainWhatWasGivenBeforeMore) {
  const auto distinct_of = [this](int count) {
    std::set<const void*> seen;
    for (int i = 0; i < count; ++i) {
      take(100);
      seen.insert(taken_.back().at);
      give(0);
    }
    return seen.size();
  };
  if (timer_memory::granules(100) == 0) {
    GTEST_SKIP() << "a sanitizer has its own allocator";
  }
  EXPECT_EQ(distinct_of(10'000), 1U);
}

}  // namespace
}  // namespace whorl::detail
