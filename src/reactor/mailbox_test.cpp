#include <gtest/gtest.h>
#include <whorl/deferred/log.h>
#include <whorl/reactor/reactor.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace whorl {
namespace {

std::unique_ptr<backend> epoll() { return std::move(make_epoll_backend().value()); }

TEST(Mailbox, S54_CallsPostedBeforeTheLoopRunsAreKept) {
  reactor loop(epoll());
  bool ran = false;
  loop.call_from_thread([&] {
    ran = true;
    loop.stop();
  });
  EXPECT_FALSE(ran);
  loop.run();
  EXPECT_TRUE(ran);
}

TEST(Mailbox, S53_CallsOfAThreadRunOnTheLoopInTheOrderOfSubmission) {
  reactor loop(epoll());
  constexpr int count = 20000;
  std::vector<int> order;
  std::thread poster([&] {
    for (int i = 0; i < count; ++i) {
      loop.call_from_thread([&, i] {
        EXPECT_TRUE(loop.in_loop_thread());
        order.push_back(i);
      });
    }
    loop.stop_from_thread();
  });
  loop.run();
  poster.join();
  ASSERT_EQ(order.size(), static_cast<std::size_t>(count));
  EXPECT_TRUE(std::ranges::is_sorted(order));
}

TEST(Mailbox, S53_CallsSubmittedWhileTheQueueIsDrainedWaitForTheNextTurn) {
  reactor loop(epoll());
  std::vector<int> order;
  loop.call_from_thread([&] {
    order.push_back(1);
    loop.call_from_thread([&] { order.push_back(3); });
  });
  loop.call_from_thread([&] { order.push_back(2); });
  loop.turn(loop.now());
  EXPECT_EQ(order, std::vector({1, 2}));
  loop.turn(loop.now());
  EXPECT_EQ(order, std::vector({1, 2, 3}));
}

TEST(Mailbox, S53_CallsRunBeforeTheTimersOfTheTurn) {
  reactor loop(epoll());
  std::vector<int> order;
  loop.call_later(duration::zero(), [&] { order.push_back(2); }).detach();
  loop.call_from_thread([&] { order.push_back(1); });
  loop.turn(loop.now());
  EXPECT_EQ(order, std::vector({1, 2}));
}

TEST(Mailbox, S53_AnExceptionIsLoggedAndTheRestContinues) {
  reactor loop(epoll());
  std::string line;
  const log_sink before = set_log_sink([&](log_level, std::string_view text) { line = text; });
  bool ran = false;
  loop.call_from_thread([] { throw std::runtime_error("bad post"); });
  loop.call_from_thread([&] { ran = true; });
  loop.turn(loop.now());
  set_log_sink(before);
  EXPECT_TRUE(ran);
  EXPECT_NE(line.find("bad post"), std::string::npos);
}

TEST(Mailbox, WakesALoopThatWaits) {
  reactor loop(epoll());
  for (int round = 0; round < 1000; ++round) {
    std::thread poster([&] { loop.stop_from_thread(); });
    loop.run();
    poster.join();
  }
}

TEST(Mailbox, RefusesAndDestroysACallWhenTheLoopIsGone) {
  std::optional<reactor> loop(std::in_place, epoll());
  const mailbox box = loop->get_mailbox();
  auto waiting = std::make_shared<int>(1);
  auto late = std::make_shared<int>(1);
  EXPECT_TRUE(box.post([waiting] {}));
  loop.reset();
  EXPECT_EQ(waiting.use_count(), 1);
  EXPECT_FALSE(box.post([late] {}));
  EXPECT_EQ(late.use_count(), 1);
}

TEST(Mailbox, ManyThreadsMayPostWhileTheLoopDies) {
  for (int round = 0; round < 20; ++round) {
    std::atomic<int> posted = 0;
    std::atomic<int> done = 0;
    std::atomic<bool> dies = false;
    std::vector<std::thread> posters;
    {
      reactor loop(epoll());
      for (int i = 0; i < 2; ++i) {
        posters.emplace_back([&, box = loop.get_mailbox()] {
          while (box.post([&done] { ++done; })) {
            ++posted;
            do {
              std::this_thread::yield();
            } while (!dies && posted > done + 100);  // what waits must not fill a turn for long
          }
        });
      }
      while (done < 100) {
        loop.turn(loop.now());
      }
      dies = true;
    }
    for (auto& poster : posters) {
      poster.join();
    }
  }
}

}  // namespace
}  // namespace whorl
