#include <whorl/deferred/log.h>
#include <whorl/places/defer_to.h>

#include "places/gate.h"
#include "places/test_loop.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>
#include <whorl/deferred/mutex.h>

#include <array>
#include <atomic>
#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace whorl {

namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::AnyOf;
using testing::HasSubstr;

constexpr auto soon = 5ms;

class StuckCall : public testing::Test {
 protected:
  StuckCall() {
    before_ = set_log_sink([this](log_level, std::string_view line) {
      const mutex_lock lock(mutex_);
      lines_.emplace_back(line);
    });
  }
  ~StuckCall() override { set_log_sink(before_); }

  // The first line that has the words in it, waited for.
  std::string line_with(std::string_view words) {
    std::string found;
    loop_.turn_until([&] {
      const mutex_lock lock(mutex_);
      for (const std::string& line : lines_) {
        if (line.find(words) != std::string::npos) {
          found = line;
        }
      }
      return !found.empty();
    });
    return found;
  }
  std::size_t lines() {
    const mutex_lock lock(mutex_);
    return lines_.size();
  }

  test_loop loop_;

 private:
  mutex mutex_;
  std::vector<std::string> lines_ WHORL_GUARDED_BY(mutex_);
  log_sink before_;
};

struct table {};
int spin_until(std::atomic<bool>* over) {
  while (!*over) {
  }
  return 7;
}
int read_one(int fd) {
  char byte = 0;
  return static_cast<int>(::read(fd, &byte, 1));
}
int wait_in_lane(table& /*object*/, gate* at) { return wait_at(at, 7); }
int wait_in_poll(int fd) {
  pollfd waited{.fd = fd, .events = POLLIN, .revents = 0};
  return ::poll(&waited, 1, -1);
}
deferred<int> who_asks(lane<table>* tables, gate* at) {
  int answer = co_await defer_to(*tables, wait_in_lane, lend(*at));
  co_return answer;
}

TEST_F(StuckCall, IsReportedWithPlaceFunctionAskerAndStackAndOnceMoreWhenItEnds) {
  lane<table> tables({.name = "tables", .report_after = soon});
  gate at;
  auto answer = who_asks(&tables, &at);
  EXPECT_THAT(line_with("does not come back"),
              AllOf(HasSubstr("place=tables"), HasSubstr("wait_in_lane"), HasSubstr("who_asks"),
                    HasSubstr("stuck_call_test.cpp"),
                    AnyOf(HasSubstr("asleep in futex"), HasSubstr("computing"))));  // on its way to where it waits
  at.opened.count_down();
  EXPECT_EQ(loop_.run(std::move(answer)), 7);
  EXPECT_THAT(line_with("has ended"), HasSubstr("place=tables"));
  EXPECT_EQ(lines(), 2U) << "it is said once";
}

TEST_F(StuckCall, OneThatRunsIsAskedToo) {
  thread_pool pool({.name = "busy", .report_after = soon});
  std::atomic<bool> over = false;
  auto answer = defer_to(pool, spin_until, lend(over));
  EXPECT_THAT(line_with("does not come back"), AllOf(HasSubstr("place=busy"), HasSubstr("spin_until")));
  over = true;
  EXPECT_EQ(loop_.run(std::move(answer)), 7);
}

TEST_F(StuckCall, WhatItWaitsForIsNotDisturbed) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  thread_pool pool({.name = "readers", .report_after = soon});
  auto read = defer_to(pool, read_one, ends[0]);
  EXPECT_THAT(line_with("read_one"), HasSubstr("asleep in read"));
  ASSERT_EQ(::write(ends[1], "x", 1), 1);
  EXPECT_EQ(loop_.run(std::move(read)), 1) << "it was interrupted";
  auto polled = defer_to(pool, wait_in_poll, ends[0]);
  EXPECT_THAT(line_with("wait_in_poll"), HasSubstr("asleep in poll"));
  ASSERT_EQ(::write(ends[1], "x", 1), 1);
  EXPECT_EQ(loop_.run(std::move(polled)), 1) << "it was interrupted";
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST_F(StuckCall, ALeaseThatIsKeptIsNotStuckButItsCallMayBe) {
  lane<table> tables({.name = "tables", .report_after = soon});
  auto leased = loop_.run(lease_from(tables));
  gate at;
  auto answer = defer_to(leased, wait_in_lane, lend(at));
  EXPECT_THAT(line_with("does not come back"), HasSubstr("tables (leased)"));
  at.opened.count_down();
  EXPECT_EQ(loop_.run(std::move(answer)), 7);
  EXPECT_EQ(lines(), 2U);
}

TEST_F(StuckCall, TheNextLoopsCallsAreWatchedToo) {
  thread_pool pool({.name = "pool", .report_after = soon});
  gate at;
  {
    auto forgotten = defer_to(pool, wait_at, lend(at), 1);
    line_with("does not come back");
  }
  gate next;
  auto answer = defer_to(pool, wait_at, lend(next), 2);
  loop_.turn_until([this] { return lines() >= 2; });
  at.opened.count_down();
  next.opened.count_down();
  EXPECT_EQ(loop_.run(std::move(answer)), 2);
}

}  // namespace
}  // namespace whorl
