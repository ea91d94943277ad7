#include <whorl/places/blocking_call.h>
#include <whorl/places/defer_to.h>

#include "places/gate.h"
#include "places/test_loop.h"

#include <gtest/gtest.h>

#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

namespace whorl {
namespace {

deferred<int> half_after_a_while(int value) {
  if (value % 2 != 0) {
    throw error(errc::bad_input, "an odd number");
  }
  reactor& loop = reactor::of_this_thread("half_after_a_while");
  co_await loop.sleep(std::chrono::microseconds(10));
  co_return value / 2;
}
int refuse() { throw std::runtime_error("no"); }
std::thread::id this_thread() { return std::this_thread::get_id(); }

int ask_for_half(may_block& permission, mailbox loop, int value) {
  return blocking_call_from_thread(permission, loop, half_after_a_while, value);
}
int ask_to_refuse(may_block& permission, mailbox loop) { return blocking_call_from_thread(permission, loop, refuse); }
std::thread::id ask_where(may_block& permission, mailbox loop) {
  return blocking_call_from_thread(permission, loop, this_thread);
}

TEST(BlockingCall, S62_RunsOnTheLoopAndReturnsWhatTheDeferredFiresWith) {
  test_loop loop;
  thread_pool pool;
  EXPECT_EQ(loop.run(defer_to(pool, ask_for_half, loop.get().get_mailbox(), 8)), 4);
  EXPECT_EQ(loop.run(defer_to(pool, ask_where, loop.get().get_mailbox())), std::this_thread::get_id());
}

TEST(BlockingCall, S62_ThrowsTheErrorInTheThreadThatCalled) {
  test_loop loop;
  thread_pool pool;
  EXPECT_TRUE(loop.run_to_failure(defer_to(pool, ask_for_half, loop.get().get_mailbox(), 7)).check(errc::bad_input));
  EXPECT_STREQ(loop.run_to_failure(defer_to(pool, ask_to_refuse, loop.get().get_mailbox())).error().what(), "no");
}

TEST(BlockingCall, S62_OnAThreadWhoseLoopRunsItThrowsAtOnce) {
  may_block::on_this_thread([](may_block& smuggled) {
    test_loop loop;
    bool refused = false;
    loop.get().call_from_thread([&] {
      try {
        blocking_call_from_thread(smuggled, loop.get().get_mailbox(), this_thread);
      } catch (const misuse&) {
        refused = true;
      }
    });
    loop.get().turn(loop.get().now());
    EXPECT_TRUE(refused);
  });
}

TEST(MayBlock, IsRefusedOnAThreadWhoseLoopRuns) {
  test_loop loop;
  std::string why;
  loop.get().call_from_thread([&] {
    try {
      may_block::on_this_thread([](may_block&) {});
    } catch (const misuse& refused) {
      why = refused.what();
    }
  });
  loop.get().turn(loop.get().now());
  EXPECT_EQ(
      why,
      "may_block::on_this_thread on a thread whose loop runs: it would wait, and the loop with all its connections "
      "and timers would stand still; go to a thread with co_await defer_to(pool, f, args...)");
  EXPECT_EQ(may_block::on_this_thread([](may_block&) { return 1; }), 1);
}

int wait_then_ask(may_block& permission, gate* at, mailbox loop, int value) {
  wait_at(at, 0);
  return ask_for_half(permission, std::move(loop), value);
}

TEST(BlockingCall, S63_AWorkerThatWaitsForTheLoopIsAnsweredWhileItsPoolStops) {
  test_loop loop;
  thread_pool pool;
  gate at;
  auto asked = defer_to(pool, wait_then_ask, lend(at), loop.get().get_mailbox(), 8);
  at.entered.wait();
  auto stopped = pool.stop();
  at.opened.count_down();
  loop.run(std::move(stopped));
  EXPECT_EQ(loop.run(std::move(asked)), 4);
}

deferred<int> never(bool* asked) {
  *asked = true;
  reactor& loop = reactor::of_this_thread("never");
  co_await loop.sleep(std::chrono::hours(1));
  co_return 1;
}

errc ask_for_what_never_comes(may_block& permission, const mailbox& loop, bool* asked) {
  try {
    blocking_call_from_thread(permission, loop, never, lend(*asked));
  } catch (const error& why) {
    return why.is(errc::shutting_down) ? errc::shutting_down : errc::unsupported;
  }
  return errc::unsupported;
}

TEST(BlockingCall, S63_WhenTheLoopEndsPendingCallsFail) {
  std::optional<test_loop> loop(std::in_place);
  bool asked = false;
  std::optional<errc> outcome;
  std::thread waiting([&outcome, &asked, box = loop->get().get_mailbox()] {
    outcome = may_block::on_this_thread(
        [&](may_block& permission) { return ask_for_what_never_comes(permission, box, &asked); });
  });
  loop->turn_until([&] { return asked; });
  loop.reset();
  waiting.join();
  EXPECT_EQ(outcome, errc::shutting_down);
}

TEST(BlockingCall, S63_WhenTheLoopIsGoneCallsFailAtOnce) {
  std::optional<test_loop> loop(std::in_place);
  const mailbox box = loop->get().get_mailbox();
  loop.reset();
  bool asked = false;
  EXPECT_EQ(may_block::on_this_thread(
                [&](may_block& permission) { return ask_for_what_never_comes(permission, box, &asked); }),
            errc::shutting_down);
  EXPECT_FALSE(asked);
}

}  // namespace
}  // namespace whorl
