#include <whorl/deferred/log.h>
#include <whorl/places/defer_to_thread.h>

#include "places/gate.h"
#include "places/test_loop.h"

#include <gtest/gtest.h>

#include <chrono>
#include <ctime>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace whorl {
namespace {

const context_key<std::string> user("user");
std::string user_here() { return user.find() == nullptr ? "nobody" : *user.find(); }

int twice(int value) { return 2 * value; }
void open(gate* at) { at->opened.count_down(); }

TEST(DeferToThread, UsesThePoolOfTheLoop) {
  test_loop loop;
  EXPECT_EQ(loop.run(defer_to_thread(twice, 21)), 42);
  EXPECT_EQ(own_pool().statistics().completed, 1U);
}

TEST(DeferToThread, S60_TheCallersContextIsVisibleInTheThread) {
  test_loop loop;
  EXPECT_EQ(loop.run(context::current().with(user, "ada").run([] { return defer_to_thread(user_here); })), "ada");
  EXPECT_EQ(loop.run(defer_to_thread(user_here)), "nobody");
}

TEST(DeferToThread, CallInThreadWaitsForNothing) {
  test_loop loop;
  gate at;
  call_in_thread(open, lend(at));
  at.opened.wait();
}

void append(std::vector<std::string>* to, std::string word) { to->push_back(std::move(word)); }
result<int> refuse() { return std::unexpected(error(errc::not_found, "not there")); }

TEST(DeferToThread, CallMultipleInThreadRunsThemInTheirOrderOnOneThread) {
  test_loop loop;
  std::vector<std::string> words;
  gate at;
  call_multiple_in_thread(thread_call(append, lend(words), std::string("one")),
                          thread_call([](int value) { return value; }, 2),
                          thread_call(append, lend(words), std::string("three")), thread_call(open, lend(at)));
  at.opened.wait();
  EXPECT_EQ(words, std::vector<std::string>({"one", "three"}));
  EXPECT_EQ(own_pool().statistics().threads, 1U);
}

TEST(DeferToThread, S59_TheFirstOfMultipleThatFailsIsLoggedAndTheRestIsNotRun) {
  test_loop loop;
  std::string line;
  const log_sink before = set_log_sink([&](log_level, std::string_view text) { line = text; });
  std::vector<std::string> words;
  call_multiple_in_thread(thread_call(append, lend(words), std::string("one")), thread_call(refuse),
                          thread_call(append, lend(words), std::string("three")));
  loop.turn_until([&] { return !line.empty(); });
  set_log_sink(before);
  EXPECT_NE(line.find("not there"), std::string::npos) << line;
  EXPECT_EQ(words, std::vector<std::string>({"one"}));
}

TEST(DeferToThread, S66_WhenEveryThreadOfTheLoopsPoolWaitsOtherPoolsAreNotHeldUp) {
  test_loop loop;
  gate at;
  std::vector<deferred<int>> waiting;
  for (int call = 0; call < 20; ++call) {
    waiting.push_back(defer_to_thread([](gate* held) { return held->opened.wait(), 1; }, lend(at)));
  }
  thread_pool names({.name = "names", .most_threads = 1});
  EXPECT_EQ(loop.run(defer_to(names, twice, 21)), 42);
  EXPECT_GT(own_pool().statistics().queued, 0U);
  at.opened.count_down();
  for (auto& each : waiting) {
    loop.run(std::move(each));
  }
}

duration cpu_time_of_process() {
  timespec used{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return std::chrono::seconds(used.tv_sec) + std::chrono::nanoseconds(used.tv_nsec);
}

TEST(DeferToThread, IdleThreadsCostNoCpuTime) {
  test_loop loop;
  for (int call = 0; call < 500; ++call) {
    loop.run(defer_to_thread(twice, call));  // so that loop and thread expect the next one soon
  }
  const duration before = cpu_time_of_process();
  const time_point end = loop.get().now() + std::chrono::milliseconds(200);
  while (loop.get().now() < end) {
    loop.get().turn(end);
  }
  EXPECT_LT(cpu_time_of_process() - before, std::chrono::milliseconds(20));
}

TEST(DeferToThread, S63_AtShutdownThePoolFinishesItsWorkWithTheLoopTurning) {
  reactor loop;
  for (int run = 0; run < 2; ++run) {
    gate at;
    std::optional<int> answer;
    defer_to_thread(wait_at, lend(at), 7).add_callback([&](int value) { answer = value; }).detach();
    at.entered.wait();
    loop.stop();
    auto opening = loop.call_later(std::chrono::milliseconds(1), [&] { at.opened.count_down(); });
    loop.run();
    EXPECT_EQ(answer, 7);
  }
}

}  // namespace
}  // namespace whorl
