#include "guard/watched_loop.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <latch>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "guard/thread_state.h"

namespace whorl {
namespace {

using namespace std::chrono_literals;

// A loop on a thread of its own, and the watch of it, at which the test looks itself.
class loop_elsewhere {
 public:
  explicit loop_elsewhere(
      duration limit, std::function<void()> first = [] {})
      : thread_([this, limit, first = std::move(first)] {
          first();
          reactor loop;
          watched_.emplace(loop, stall_watch::options{.limit = limit});
          watched_->begin();
          number_ = this_thread_number();
          loop_ = &loop;
          runs_.count_down();
          loop.run();
        }) {
    runs_.wait();
  }
  loop_elsewhere(const loop_elsewhere&) = delete;
  loop_elsewhere& operator=(const loop_elsewhere&) = delete;
  ~loop_elsewhere() {
    loop_->stop_from_thread();
    thread_.join();
  }

  void post(std::function<void()> call) { loop_->call_from_thread(std::move(call)); }
  watched_loop& watched() { return *watched_; }
  pid_t number() const { return number_; }

 private:
  std::optional<watched_loop> watched_;
  reactor* loop_ = nullptr;
  pid_t number_ = 0;
  std::latch runs_{1};
  std::thread thread_;
};

TEST(WatchedLoop, TellsAgainWheneverTheTimeHasDoubled) {
  std::latch let_go(1);
  loop_elsewhere loop(5ms);
  loop.post([&] { let_go.wait(); });
  std::vector<duration> told;
  while (told.size() < 5) {
    if (const auto found = loop.watched().look()) {
      told.push_back(found->lasted);
    }
  }
  let_go.count_down();
  EXPECT_GE(told[0], 5ms);
  for (std::size_t i = 1; i < told.size(); ++i) {
    EXPECT_GE(told[i], 2 * told[i - 1]);
  }
  EXPECT_EQ(loop.watched().kinds().size(), 1U);
}

// To the first processor that the program may use.
void bind_this_thread() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  ::sched_getaffinity(0, sizeof allowed, &allowed);
  int first = 0;
  while (!CPU_ISSET(first, &allowed)) {
    ++first;
  }
  CPU_ZERO(&allowed);
  CPU_SET(first, &allowed);
  ::sched_setaffinity(0, sizeof allowed, &allowed);
}

TEST(WatchedLoop, ALoopWhoseProcessorOthersHaveIsNotHeldUpByItsOwnDoing) {
  std::atomic<bool> begun = false;
  std::atomic<bool> taken = true;
  std::atomic<bool> done = false;
  loop_elsewhere loop(200ms, bind_this_thread);
  loop.post([&] {
    begun = true;
    while (taken) {
    }
    std::this_thread::sleep_for(20ms);
    done = true;
  });
  while (!begun) {
    static_cast<void>(loop.watched().look());
  }
  std::vector<std::jthread> others;
  for (int i = 0; i < 5; ++i) {
    others.emplace_back([&] {
      bind_this_thread();
      const auto until = std::chrono::steady_clock::now() + 500ms;
      while (std::chrono::steady_clock::now() < until) {
      }
      taken = false;
    });
  }
  while (!done) {
    static_cast<void>(loop.watched().look());
  }
  if (detail::time_without_processor(loop.number()) < 300ms) {
    GTEST_SKIP() << "this kernel does not count how long a thread waits for a processor";
  }
  EXPECT_TRUE(loop.watched().kinds().empty());
}

}  // namespace
}  // namespace whorl
