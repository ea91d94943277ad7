#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>
#include <whorl/deferred/log.h>
#include <whorl/deferred/mutex.h>
#include <whorl/deferred/platform.h>
#include <whorl/guard/stall_watch.h>
#include <whorl/reactor/unique_fd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <semaphore>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "guard/teller.h"

namespace whorl {
namespace {

using namespace std::chrono_literals;

// The lines that the guard writes, from its own thread.
class lines {
 public:
  lines() : before_(set_log_sink([this](log_level, std::string_view line) { add(line); })) {}
  lines(const lines&) = delete;
  lines& operator=(const lines&) = delete;
  ~lines() {
    detail::wait_until_told();
    set_log_sink(before_);
  }

  // Waits until one with this has come, and gives everything so far.
  std::string wait_for(std::string_view what) {
    mutex_lock lock(mutex_);
    while (text_.find(what) == std::string::npos) {
      lock.wait(changed_);
    }
    return text_;
  }
  std::string text() {
    const mutex_lock lock(mutex_);
    return text_;
  }

  std::atomic<bool> any = false;

 private:
  void add(std::string_view line) {
    const mutex_lock lock(mutex_);
    text_ += std::string(line) + '\n';
    any = true;
    changed_.notify_all();
  }

  mutex mutex_;
  std::condition_variable changed_;
  std::string text_ WHORL_GUARDED_BY(mutex_);
  log_sink before_;
};

class StallWatch : public testing::TestWithParam<std::unique_ptr<backend> (*)()> {
 protected:
  // What holds the loop up runs until the guard has told of it.
  template <class Held>
  std::string told_of(Held held) {
    lines told;
    reactor loop(GetParam()());
    const stall_watch guard(loop, {.name = "main loop", .limit = 20ms});
    auto call = loop.call_later(0s, [&] { held(told); });
    while (call.active()) {
      loop.turn(loop.now() + 1ms);
    }
    loop.turn(loop.now());
    return told.wait_for("the loop goes on");
  }
};

void expect_on_stack(std::string_view function, const std::string& text) {
  EXPECT_NE(text.find(function), std::string::npos) << text;
}

[[gnu::noinline]] void wait_on_the_loop(lines& told) {
  told.wait_for("held up");
  EXPECT_FALSE(told.text().empty());  // no tail call
}

[[gnu::noinline]] void compute_on_the_loop(lines& told) {
  volatile unsigned long counted = 0;
  while (!told.any) {
    counted = counted + 1;
  }
}

TEST_P(StallWatch, TellsOfACallbackThatSleepsWhileItDoes) {
  const std::string text = told_of(wait_on_the_loop);
  EXPECT_NE(text.find("the loop is held up loop=\"main loop\""), std::string::npos) << text;
  EXPECT_NE(text.find("asleep in futex"), std::string::npos) << text;
  expect_on_stack("wait_on_the_loop", text);
}

TEST_P(StallWatch, TellsOfACallbackThatComputesWhileItDoes) {
  const std::string text = told_of(compute_on_the_loop);
  EXPECT_NE(text.find("doing=computing"), std::string::npos) << text;
  expect_on_stack("compute_on_the_loop", text);
}

TEST_P(StallWatch, NamesTheCallbackAndFromWhereItComes) {
  const std::string text = told_of(wait_on_the_loop);
  EXPECT_NE(text.find("callback=\"a timed call from "), std::string::npos) << text;
  EXPECT_NE(text.find("stall_watch_test.cpp:"), std::string::npos) << text;
}

deferred<void> wait_in_a_coroutine(reactor& loop, lines& told) {
  co_await loop.sleep(1ms);
  wait_on_the_loop(told);
}

deferred<void> await_it(reactor& loop, lines& told) { co_await wait_in_a_coroutine(loop, told); }

TEST_P(StallWatch, NamesWhoAwaitsTheCoroutineThatHoldsTheLoopUp) {
  lines told;
  reactor loop(GetParam()());
  const stall_watch guard(loop, {.name = "main loop", .limit = 20ms});
  deferred<void> work = await_it(loop, told);
  while (!work.ready()) {
    loop.turn(loop.now() + 1ms);
  }
  const std::string text = told.text();
  const std::size_t inner = text.find("wait_in_a_coroutine(", text.find(", for "));
  EXPECT_NE(inner, std::string::npos) << text;
  EXPECT_NE(text.find("await_it(", inner), std::string::npos) << text;
}

TEST_P(StallWatch, StallsThatAreAlikeAreToldOnceAndCounted) {
  lines told;
  reactor loop(GetParam()());
  const stall_watch guard(loop, {.name = "main loop", .limit = 10ms});
  for (std::uint64_t i = 1; i <= 3; ++i) {
    std::binary_semaphore seen(0);
    const std::jthread looking([&] {
      while (guard.count() < i) {
        std::this_thread::yield();
      }
      seen.release();
    });
    auto call = loop.call_later(0s, [&] { seen.acquire(); });
    while (call.active()) {
      loop.turn(loop.now() + 1ms);
    }
  }
  EXPECT_EQ(told.text().find("times=2"), std::string::npos) << told.text();
  const std::vector<stall> seen = guard.stalls();
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_EQ(seen[0].times, 3U);
  EXPECT_EQ(seen[0].doing, "asleep in futex (a lock, a condition or a thread)");
  EXPECT_GE(seen[0].longest, 10ms);
  EXPECT_GE(seen[0].total, seen[0].longest);
}

TEST_P(StallWatch, ALoopThatSleepsOrIsNotTurnedIsNotHeldUp) {
  lines told;
  reactor loop(GetParam()());
  const stall_watch guard(loop, {.name = "main loop", .limit = 5ms});
  loop.turn(loop.now() + 30ms);
  const auto until = loop.now() + 30ms;
  while (loop.now() < until) {  // between two turns: whoever embeds a loop may do what it likes there
  }
  loop.turn(loop.now());
  EXPECT_EQ(told.text(), "");
}

struct pipe_ends {
  unique_fd reading;
  unique_fd writing;
};

pipe_ends open_pipe() {
  std::array<int, 2> ends{};
  EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  return {.reading = unique_fd(ends[0]), .writing = unique_fd(ends[1])};
}

// Reads until that has come, or false: the end of the pipe came first.
bool comes(const unique_fd& pipe, std::string_view what) {
  std::string text;
  std::array<char, 4096> some{};
  while (text.find(what) == std::string::npos) {
    const ssize_t came = ::read(pipe.get(), some.data(), some.size());
    if (came <= 0) {
      return false;
    }
    text.append(some.data(), static_cast<std::size_t>(came));
  }
  return true;
}

// Standard error is a pipe while it lives.
class piped_standard_error {
 public:
  piped_standard_error() { ::dup2(std::exchange(pipe_.writing, unique_fd()).get(), STDERR_FILENO); }
  piped_standard_error(const piped_standard_error&) = delete;
  piped_standard_error& operator=(const piped_standard_error&) = delete;
  ~piped_standard_error() { close(); }

  const unique_fd& reading() const { return pipe_.reading; }

  void close() { ::dup2(before_.get(), STDERR_FILENO); }

 private:
  pipe_ends pipe_ = open_pipe();
  unique_fd before_{::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0)};
};

void hold_up(reactor& loop, std::function<void()> held) {
  auto call = loop.call_later(0s, std::move(held));
  while (call.active()) {
    loop.turn(loop.now() + 1ms);
  }
  loop.turn(loop.now());
}

TEST_P(StallWatch, TellsOnWhatTheProgramsStandardErrorIsThen) {
  const log_sink before = set_log_sink(nullptr);
  reactor loop(GetParam()());
  {
    const stall_watch guard(loop, {.limit = 20ms});
    hold_up(loop, [&] {
      piped_standard_error standard_error;
      EXPECT_TRUE(comes(standard_error.reading(), "the loop is held up"));
      standard_error.close();
      EXPECT_FALSE(comes(standard_error.reading(), "what nobody says"));  // the guard does not hold it
    });
    detail::wait_until_told();
  }
  set_log_sink(before);
}

TEST_P(StallWatch, ASinkThatIsSetLaterIsCalledWithTheProgramsDescriptors) {
  const log_sink before = set_log_sink(nullptr);
  reactor loop(GetParam()());
  {
    const stall_watch guard(loop, {.limit = 20ms});
    hold_up(loop, [&] {
      const piped_standard_error standard_error;
      EXPECT_TRUE(comes(standard_error.reading(), "the loop is held up"));
    });
    const pipe_ends pipe = open_pipe();
    set_log_sink([&](log_level, std::string_view line) {
      const std::string whole = std::string(line) + '\n';
      EXPECT_EQ(::write(pipe.writing.get(), whole.data(), whole.size()), static_cast<ssize_t>(whole.size()));
    });
    hold_up(loop, [&] { EXPECT_TRUE(comes(pipe.reading, "the loop is held up")); });
    detail::wait_until_told();
    set_log_sink(before);
  }
}

std::unique_ptr<backend> epoll() { return make_epoll_backend().value(); }
std::unique_ptr<backend> uring() { return make_uring_backend().value(); }

INSTANTIATE_TEST_SUITE_P(Backends, StallWatch, testing::Values(epoll, uring),
                         [](const auto& info) { return info.index == 0 ? "epoll" : "uring"; });

}  // namespace
}  // namespace whorl
