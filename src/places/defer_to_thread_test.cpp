#include <whorl/places/defer_to_thread.h>

#include "places/gate.h"
#include "places/test_loop.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <thread>
#include <utility>

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

TEST(DeferToThread, S63_AtShutdownThePoolFinishesItsWorkWithTheLoopTurning) {
  reactor loop(make_epoll_backend().value());
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
