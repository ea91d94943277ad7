// A semaphore hands out a number of permits, and lets those wait who find none left, first come, first served. A lock
// is one with a single permit.
//
//     auto permit = co_await four_at_once.acquire();     // given back when `permit` dies
//     auto page = co_await run_with(four_at_once, get_page, url);
//
// Thread:   belongs to one loop; permits too.
// Lifetime: outlives its permits. Destroying it fails those that wait with errc::closed.
// Fails:    releasing a permit that was released already throws misuse (S32).
// Cancel:   who is cancelled while it waits leaves the line.
#pragma once

#include <whorl/deferred/waiting_line.h>

#include <cstddef>
#include <functional>
#include <type_traits>
#include <utility>

namespace whorl {

class semaphore {
 public:
  // Held until it dies or is released.
  class [[nodiscard]] permit {
   public:
    permit(permit&& other) noexcept : from_(std::exchange(other.from_, nullptr)) {}
    permit& operator=(permit&& other) noexcept {
      std::swap(from_, other.from_);
      return *this;
    }
    ~permit() {
      if (from_ != nullptr) {
        from_->give_back();
      }
    }
    void release();

   private:
    friend class semaphore;
    explicit permit(semaphore& from) noexcept : from_(&from) {}
    semaphore* from_;
  };

  explicit semaphore(std::size_t permits) noexcept : free_(permits) {}
  semaphore(const semaphore&) = delete;
  semaphore& operator=(const semaphore&) = delete;

  deferred<permit> acquire();
  std::size_t free_permits() const noexcept { return free_; }
  std::size_t waiting() const noexcept { return line_.size(); }

 private:
  void give_back() noexcept;

  std::size_t free_;
  waiting_line<permit> line_;
};

class lock : public semaphore {
 public:
  lock() noexcept : semaphore(1) {}
  bool held() const noexcept { return free_permits() == 0; }
};

// Calls f(args...), a function that returns a deferred, while holding a permit, whatever the outcome.
template <class F, class... Args>
std::invoke_result_t<F, Args...> run_with(semaphore& of, F f, Args... args) {
  auto held = co_await of.acquire();
  co_return co_await std::invoke(std::move(f), std::move(args)...);
}

}  // namespace whorl
