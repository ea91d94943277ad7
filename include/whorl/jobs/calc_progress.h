// How far a calculation is: told by the threads that work on it, looked at by the loop whenever it likes. Telling posts
// nothing and wakes nobody.
//
// Thread:   any; copies are handles to the same cell.
// Cost:     one relaxed atomic addition.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>

namespace whorl {

class calc_progress {
 public:
  // How much there is to do, in units of the calculation's choice (bytes, resamples).
  void set_total(std::uint64_t steps) const noexcept { cell_->total.store(steps, std::memory_order_relaxed); }
  void advance(std::uint64_t steps) const noexcept { cell_->done.fetch_add(steps, std::memory_order_relaxed); }
  void add_rows(std::uint64_t rows) const noexcept { cell_->rows.fetch_add(rows, std::memory_order_relaxed); }

  // From 0 to 1; 0 while the total is not known.
  double fraction() const noexcept {
    const std::uint64_t total = cell_->total.load(std::memory_order_relaxed);
    const std::uint64_t done = cell_->done.load(std::memory_order_relaxed);
    return total == 0 ? 0.0 : std::min(1.0, static_cast<double>(done) / static_cast<double>(total));
  }
  std::uint64_t rows() const noexcept { return cell_->rows.load(std::memory_order_relaxed); }

 private:
  struct cell {
    std::atomic<std::uint64_t> total{0};
    std::atomic<std::uint64_t> done{0};
    std::atomic<std::uint64_t> rows{0};
  };
  std::shared_ptr<cell> cell_ = std::make_shared<cell>();
};

}  // namespace whorl
