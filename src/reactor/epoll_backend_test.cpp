// What only epoll does: the conformance suite has the rest.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>

#include "reactor/backend_suite.h"

namespace whorl {
namespace {

class Epoll : public testing::Test {
 protected:
  void SetUp() override { port = std::move(on.io().listen(address::tcp("127.0.0.1", 0).value(), {}, accepts).value()); }

  std::unique_ptr<stream_end> connect() {
    connecting attempt;
    const auto trying = on.io().connect(port->local_address(), attempt);
    EXPECT_TRUE(on.turn_until([&] { return attempt.over(); }));
    return std::move(attempt.end);
  }

  // The descriptor that the next socket gets.
  static int next_descriptor() {
    const unique_fd probe(::dup(STDERR_FILENO));
    return probe.get();
  }

  turning_backend on{kind::epoll};
  accepting accepts;
  std::unique_ptr<listener> port;
};

TEST_F(Epoll, S97_AStreamWhoseDescriptorWasClosedBehindItsBackFails) {
  const int fd = next_descriptor();
  const auto client = connect();
  client->stream->start_receiving();
  ::close(fd);
  client->write("x");
  ASSERT_TRUE(on.turn_until([&] { return client->send_error.has_value(); }));
  EXPECT_EQ(client->send_error, EBADF);
}

TEST_F(Epoll, S97_ADescriptorClosedAndTakenByAnotherStreamIsTheOthers) {
  const int fd = next_descriptor();
  auto robbed = connect();
  robbed->stream->start_receiving();
  ASSERT_TRUE(on.turn_until([&] { return accepts.ends.size() == 1; }));
  ::close(fd);
  const auto owner = connect();
  ASSERT_TRUE(on.turn_until([&] { return robbed->ended.has_value() && accepts.ends.size() == 2; }));
  EXPECT_EQ(robbed->ended, EBADF);
  robbed.reset();
  owner->stream->start_receiving();
  accepts.ends.back()->write("mine");
  EXPECT_TRUE(on.turn_until([&] { return owner->received == "mine"; }));
}

TEST_F(Epoll, AnEventOfAClosedDescriptorDoesNotReachItsNextOwner) {
  const auto first = connect();
  const auto second = connect();
  ASSERT_TRUE(on.turn_until([&] { return accepts.ends.size() == 2; }));
  // Both have something to receive in the same turn; the one told first closes the other and opens a new socket, which
  // gets its number.
  connecting attempt;
  std::unique_ptr<connector> trying;
  for (std::size_t i = 0; i < 2; ++i) {
    accepts.ends[i]->on_bytes = [&, i](bytes_view) {
      if (!trying) {
        accepts.ends[1 - i]->stream.reset();
        trying = on.io().connect(address::tcp("127.0.0.1", 9).value(), attempt);
      }
    };
    accepts.ends[i]->stream->start_receiving();
  }
  first->write("x");
  second->write("x");
  ASSERT_TRUE(on.turn_until([&] { return attempt.over(); }));
  EXPECT_EQ(attempt.failed, ECONNREFUSED);
  EXPECT_EQ(accepts.ends[0]->received_bytes + accepts.ends[1]->received_bytes, 1U);
}

struct counting final : watch_events {
  void descriptor_ready() noexcept override {
    ++times;
    if (then) {
      then();
    }
  }
  int times = 0;
  std::function<void()> then;
};

TEST_F(Epoll, WatchesOfOneDescriptorMayDestroyEachOtherAndAddNewOnes) {
  const unique_fd fd(::eventfd(1, EFD_CLOEXEC));
  std::array<counting, 3> events;
  std::array<std::unique_ptr<watch>, 3> watches;
  for (std::size_t i = 0; i < 2; ++i) {
    watches[i] = std::move(on.io().watch_once(fd.get(), readiness::readable, events[i]).value());
    events[i].then = [&, i] {
      watches[1 - i].reset();
      watches[2] = std::move(on.io().watch_once(fd.get(), readiness::readable, events[2]).value());
    };
  }
  ASSERT_TRUE(on.turn_until([&] { return events[2].times == 1; }));
  EXPECT_EQ(events[0].times + events[1].times, 1);
  on.settle();
  EXPECT_EQ(events[2].times, 1);
}

TEST_F(Epoll, APlainFileIsAlwaysReady) {
  const unique_fd file(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  counting events;
  const auto watching = on.io().watch_once(file.get(), readiness::readable, events);
  ASSERT_TRUE(watching);
  EXPECT_EQ(events.times, 0);
  EXPECT_TRUE(on.turn_until([&] { return events.times == 1; }));
}

TEST_F(Epoll, TheLoopDoesNotSpinOverAPausedStreamWithBytes) {
  const auto client = connect();
  ASSERT_TRUE(on.turn_until([&] { return accepts.ends.size() == 1; }));
  client->write("x");
  on.settle();
  const time_point until = on.io().now() + std::chrono::milliseconds(5);
  on.io().turn(until);
  EXPECT_GE(on.io().now(), until);
}

}  // namespace
}  // namespace whorl
