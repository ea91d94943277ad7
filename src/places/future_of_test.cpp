#include <whorl/places/defer_to.h>
#include <whorl/places/future_of.h>

#include "places/test_loop.h"

#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <optional>
#include <stdexcept>
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
void do_nothing() {}

template <class T>
void turn_until_there(test_loop& loop, const std::future<T>& awaited) {
  loop.turn_until([&] { return awaited.wait_for(std::chrono::seconds(0)) == std::future_status::ready; });
}

TEST(FutureOf, IsFulfilledByTheLoop) {
  test_loop loop;
  std::future<int> half;
  std::future<std::thread::id> where;
  std::thread([&, box = loop.get().get_mailbox()] {
    half = future_of(box, half_after_a_while, 8);
    where = future_of(box, this_thread);
  }).join();
  turn_until_there(loop, half);
  EXPECT_EQ(half.get(), 4);
  EXPECT_EQ(where.get(), std::this_thread::get_id());
  std::future<void> done = future_of(loop.get().get_mailbox(), do_nothing);
  turn_until_there(loop, done);
  done.get();
}

TEST(FutureOf, ThrowsTheErrorOrTheException) {
  test_loop loop;
  auto odd = future_of(loop.get().get_mailbox(), half_after_a_while, 7);
  auto refused = future_of(loop.get().get_mailbox(), refuse);
  turn_until_there(loop, refused);
  turn_until_there(loop, odd);
  try {
    odd.get();
    ADD_FAILURE() << "it did not throw";
  } catch (const error& why) {
    EXPECT_TRUE(why.is(errc::bad_input));
  }
  EXPECT_THROW(refused.get(), std::runtime_error);
}

bool ended_with_its_loop(std::future<int> asked) {
  try {
    asked.get();
  } catch (const error& why) {
    return why.is(errc::shutting_down);
  }
  return false;
}

TEST(FutureOf, S63_WhenTheLoopEndsWhatItOwesFails) {
  std::optional<test_loop> loop(std::in_place);
  auto never_run = future_of(loop->get().get_mailbox(), refuse);
  loop.reset();
  EXPECT_TRUE(ended_with_its_loop(std::move(never_run)));
  loop.emplace();
  auto underway = future_of(loop->get().get_mailbox(), [] {
    return reactor::of_this_thread("test").sleep(std::chrono::hours(1)).add_callback([] { return 1; });
  });
  loop->get().turn(loop->get().now());
  loop.reset();
  EXPECT_TRUE(ended_with_its_loop(std::move(underway)));
}

TEST(FutureOf, S63_WhenTheLoopIsGoneItFailsAtOnce) {
  std::optional<test_loop> loop(std::in_place);
  const mailbox box = loop->get().get_mailbox();
  loop.reset();
  EXPECT_TRUE(ended_with_its_loop(future_of(box, refuse)));
}

TEST(WaitFor, GivesWhatSomebodyElsesFutureGives) {
  test_loop loop;
  thread_pool pool;
  std::promise<int> fulfilled;
  auto value = defer_to(pool, wait_for<int>, fulfilled.get_future());
  fulfilled.set_value(9);
  EXPECT_EQ(loop.run(std::move(value)), 9);
  std::promise<void> failed;
  auto nothing = defer_to(pool, wait_for<void>, failed.get_future());
  failed.set_exception(std::make_exception_ptr(error(errc::not_found)));
  EXPECT_TRUE(loop.run_to_failure(std::move(nothing)).check(errc::not_found));
}

}  // namespace
}  // namespace whorl
