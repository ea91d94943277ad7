#include "reactor/uring_backend.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <whorl/deferred/platform.h>
#include <whorl/reactor/backend.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "reactor/sockets.h"

namespace whorl {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

std::string text_of(bytes_view bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

// One end of a connection, which keeps what it gets.
struct peer final : channel_events {
  explicit peer(std::unique_ptr<channel> connected) : stream(std::move(connected)) {
    stream->set_events(*this);
    stream->start_receiving();
  }
  void bytes_received(bytes_view bytes) noexcept override {
    received += text_of(bytes);
    if (on_bytes) {
      on_bytes(*this);
    }
  }
  void receive_ended(int error_number) noexcept override {
    EXPECT_FALSE(end) << "the end came twice";
    end = error_number;
  }
  void bytes_sent() noexcept override {}
  void send_failed(int error_number) noexcept override {
    EXPECT_FALSE(failed_send);
    failed_send = error_number;
    received_before_failure = received.size();
  }

  std::unique_ptr<channel> stream;
  std::string received;
  std::optional<int> end;
  std::optional<int> failed_send;
  std::size_t received_before_failure = 0;
  std::function<void(peer&)> on_bytes;
};

struct accepting final : accept_events {
  void accepted(std::unique_ptr<channel> stream) noexcept override {
    peers.push_back(std::make_unique<peer>(std::move(stream)));
    if (on_peer) {
      on_peer(*peers.back());
    }
  }
  void accept_failed(int error_number) noexcept override { failures.push_back(error_number); }

  std::vector<std::unique_ptr<peer>> peers;
  std::vector<int> failures;
  std::function<void(peer&)> on_peer;
};

struct connecting final : connect_events {
  void connected(std::unique_ptr<channel> stream) noexcept override {
    made = std::make_unique<peer>(std::move(stream));
  }
  void connect_failed(int error_number) noexcept override { failed = error_number; }

  std::unique_ptr<peer> made;
  int failed = 0;
};

struct watching final : watch_events {
  void descriptor_ready() noexcept override { ++ready; }
  int ready = 0;
};

// A back end, and turns of it until something holds.
class loop {
 public:
  explicit loop(uring_size size = {}, std::optional<buffer_use> use = {}) {
    result<std::unique_ptr<backend>> made = make_uring_backend(size, use);
    EXPECT_TRUE(made) << made.error().what();
    io_ = std::move(*made);
  }
  backend& io() { return *io_; }

  testing::AssertionResult turn_until(const std::function<bool()>& holds) {
    const time_point end = io_->now() + seconds(20);
    while (!holds()) {
      if (io_->now() > end) {
        return testing::AssertionFailure() << "it did not happen";
      }
      io_->turn(io_->now() + milliseconds(100));
    }
    return testing::AssertionSuccess();
  }

  std::unique_ptr<listener> listen(accept_events& events) {
    auto opened = io_->listen(*address::tcp("127.0.0.1", 0), {}, events);
    EXPECT_TRUE(opened) << opened.error().what();
    return std::move(*opened);
  }

  std::unique_ptr<peer> connect(const address& to) {
    connecting attempt;
    const auto trying = io_->connect(to, attempt);
    EXPECT_TRUE(turn_until([&] { return attempt.made != nullptr || attempt.failed != 0; }));
    EXPECT_EQ(attempt.failed, 0) << std::strerror(attempt.failed);
    return std::move(attempt.made);
  }

 private:
  std::unique_ptr<backend> io_;
};

// Two connected ends.
struct connected_pair {
  explicit connected_pair(loop& on) : port(on.listen(accepts)), client(on.connect(port->local_address())) {
    EXPECT_TRUE(on.turn_until([&] { return !accepts.peers.empty(); }));
  }
  peer& server() { return *accepts.peers.front(); }

  accepting accepts;
  std::unique_ptr<listener> port;
  std::unique_ptr<peer> client;
};

// A client that is no back end's.
unique_fd connected_socket(const address& to) {
  unique_fd fd(::socket(to.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_EQ(::connect(fd.get(), to.raw(), to.raw_bytes()), 0) << std::strerror(errno);
  return fd;
}

bool is_closed_by_the_peer(const unique_fd& fd) {
  char byte = 0;
  return ::recv(fd.get(), &byte, 1, MSG_DONTWAIT) == 0 || errno == ECONNRESET;
}

std::string random_text(std::size_t bytes, unsigned seed) {
  std::mt19937 random(seed);
  std::string text(bytes, '\0');
  for (char& c : text) {
    c = static_cast<char>(random());
  }
  return text;
}

struct room {
  const char* name;
  uring_size size;
  buffer_use use;
};

// With little room in the rings, requests are submitted in between, completions overflow, and multishot requests end.
class UringInRooms : public testing::TestWithParam<room> {
 protected:
  loop on{GetParam().size, GetParam().use};
};

INSTANTIATE_TEST_SUITE_P(, UringInRooms,
                         testing::Values(room{"incremental", {}, buffer_use::incremental},
                                         room{"whole", {}, buffer_use::whole},
                                         room{"incremental_cramped", {4, 8}, buffer_use::incremental},
                                         room{"whole_cramped", {4, 8}, buffer_use::whole}),
                         [](const auto& what) { return std::string(what.param.name); });

TEST_P(UringInRooms, ManyConnectionsGetTheirOwnBytesInOrder) {
  constexpr int connections = 50;
  constexpr std::size_t bytes_each = 400'000;
  accepting accepts;
  accepts.on_peer = [](peer& made) {
    made.on_bytes = [](peer& echo) { echo.stream->write(std::exchange(echo.received, {})); };
  };
  const auto port = on.listen(accepts);
  std::vector<std::unique_ptr<peer>> clients;
  std::vector<std::string> sent;
  std::mt19937 random(7);
  for (int i = 0; i < connections; ++i) {
    clients.push_back(on.connect(port->local_address()));
    sent.push_back(random_text(bytes_each, static_cast<unsigned>(i)));
  }
  std::vector<std::size_t> written(connections, 0);
  const auto write_some = [&] {
    bool all_echoed = true;
    for (std::size_t i = 0; i < clients.size(); ++i) {
      const std::size_t step =
          std::min<std::size_t>(random() % 3 == 0 ? random() % 30'000 : random() % 300, bytes_each - written[i]);
      clients[i]->stream->write(std::as_bytes(std::span(sent[i]).subspan(written[i], step)));
      written[i] += step;
      all_echoed = all_echoed && clients[i]->received.size() == bytes_each;
    }
    return all_echoed;
  };
  ASSERT_TRUE(on.turn_until(write_some));
  for (std::size_t i = 0; i < clients.size(); ++i) {
    EXPECT_TRUE(clients[i]->received == sent[i]) << "connection " << i;
  }
}

TEST_P(UringInRooms, S90_PausingAtRandomLosesAndReordersNothing) {
  connected_pair both(on);
  const std::string sent = random_text(3'000'000, 1);
  both.client->stream->write(sent);
  both.client->stream->shut_down_write();
  peer& server = both.server();
  std::mt19937 random(2);
  server.on_bytes = [&](peer& p) {
    if (random() % 3 == 0) {
      p.stream->stop_receiving();
    }
  };
  for (int turns = 0; turns < 1'000'000 && !server.end; ++turns) {
    if (random() % 2 == 0) {
      server.stream->start_receiving();
    }
    if (random() % 5 == 0) {
      server.stream->stop_receiving();
    }
    on.io().turn(on.io().now());
  }
  ASSERT_TRUE(server.end);
  EXPECT_EQ(*server.end, 0);
  EXPECT_TRUE(server.received == sent);
}

TEST_P(UringInRooms, NothingComesWhileReceivingIsStopped) {
  connected_pair both(on);
  peer& server = both.server();
  server.stream->stop_receiving();
  both.client->stream->write(std::string("kept"));
  ASSERT_TRUE(on.turn_until([&] { return both.client->stream->unsent_bytes() == 0; }));
  for (int i = 0; i < 5; ++i) {
    on.io().turn(on.io().now());
  }
  EXPECT_EQ(server.received, "");
  server.stream->start_receiving();
  EXPECT_EQ(server.received, "") << "an event inside a call";
  ASSERT_TRUE(on.turn_until([&] { return server.received == "kept"; }));
}

TEST_P(UringInRooms, StoppingInsideTheEventKeepsWhatCameWithIt) {
  connected_pair both(on);
  peer& server = both.server();
  const std::string sent = random_text(200'000, 3);
  server.on_bytes = [](peer& p) { p.stream->stop_receiving(); };
  both.client->stream->write(sent);
  std::size_t events = 0;
  ASSERT_TRUE(on.turn_until([&] {
    const std::size_t before = server.received.size();
    server.stream->start_receiving();
    on.io().turn(on.io().now());
    events += server.received.size() != before ? 1 : 0;
    return server.received.size() == sent.size();
  }));
  EXPECT_GT(events, 1U);
  EXPECT_TRUE(server.received == sent);
}

TEST_P(UringInRooms, MoreChannelsThanTheRingHasRoomForAreServedInOneTurn) {
  constexpr std::size_t connections = 700;
  accepting accepts;
  const auto port = on.listen(accepts);
  std::vector<std::unique_ptr<peer>> clients(connections);
  for (auto& client : clients) {
    client = on.connect(port->local_address());
  }
  ASSERT_TRUE(on.turn_until([&] { return accepts.peers.size() == connections; }));
  const auto small_piece = [](std::size_t i) { return std::to_string(1000 + i); };
  const auto large_piece = [](std::size_t i) { return random_text(5000, static_cast<unsigned>(i)); };
  for (std::size_t i = 0; i < connections; ++i) {
    clients[i]->stream->write(small_piece(i));
    clients[i]->stream->write(large_piece(i));
  }
  on.io().turn(on.io().now());
  ASSERT_TRUE(on.turn_until([&] {
    return std::all_of(accepts.peers.begin(), accepts.peers.end(),
                       [](const auto& p) { return p->received.size() == 5004; });
  }));
  for (std::size_t i = 0; i < connections; ++i) {
    EXPECT_TRUE(accepts.peers[i]->received == small_piece(i) + large_piece(i)) << "connection " << i;
  }
  clients.clear();
  ASSERT_TRUE(on.turn_until([&] {
    return std::all_of(accepts.peers.begin(), accepts.peers.end(), [](const auto& p) { return p->end == 0; });
  }));
}

TEST(UringBackend, WhileReceivingIsStoppedTheSenderIsHeldUp) {
  loop on;
  connected_pair both(on);
  on.io().turn(on.io().now());
  both.server().stream->stop_receiving();
  both.client->stream->write(std::string(100'000'000, 'x'));
  for (int i = 0; i < 1000; ++i) {
    on.io().turn(on.io().now());
  }
  EXPECT_GT(both.client->stream->unsent_bytes(), 50'000'000U);
}

TEST(UringBackend, S90_WhatABrokenPeerSentIsDeliveredBeforeTheFailureToAnswer) {
  loop on;
  accepting accepts;
  const auto port = on.listen(accepts);
  unique_fd client = connected_socket(port->local_address());
  ASSERT_TRUE(on.turn_until([&] { return !accepts.peers.empty(); }));
  peer& server = *accepts.peers.front();
  server.stream->write(std::string("never read, so that the close is a reset"));
  ASSERT_TRUE(on.turn_until([&] { return server.stream->unsent_bytes() == 0; }));
  ASSERT_EQ(::send(client.get(), "last words", 10, 0), 10);
  client.reset();
  server.stream->write(std::string("too late"));
  ASSERT_TRUE(on.turn_until([&] { return server.failed_send.has_value(); }));
  EXPECT_EQ(server.received, "last words");
  EXPECT_EQ(server.received_before_failure, 10U);
}

TEST(UringBackend, AFailureToSendIsToldToOneWhoDoesNotReceive) {
  loop on;
  connected_pair both(on);
  peer& server = both.server();
  server.stream->stop_receiving();
  both.client->stream->reset_on_close();
  both.client.reset();
  ASSERT_TRUE(on.turn_until([&] {
    server.stream->write(std::string("x"));
    return server.failed_send.has_value();
  }));
  EXPECT_FALSE(server.end);
}

TEST(UringBackend, APeerThatStopsReadingFailsSendingAndNotReceiving) {
  loop on;
  const std::string path = testing::TempDir() + "/uring_half_closed_" + std::to_string(::getpid());
  accepting accepts;
  const auto port = on.io().listen(*address::unix_path(path), {}, accepts);
  ASSERT_TRUE(port);
  const unique_fd client = connected_socket((*port)->local_address());
  ASSERT_TRUE(on.turn_until([&] { return !accepts.peers.empty(); }));
  peer& server = *accepts.peers.front();
  ASSERT_EQ(::shutdown(client.get(), SHUT_RD), 0);
  ASSERT_EQ(::send(client.get(), "before", 6, 0), 6);
  server.stream->write(std::string("to nobody"));
  ASSERT_TRUE(on.turn_until([&] { return server.failed_send.has_value(); }));
  EXPECT_EQ(*server.failed_send, EPIPE);
  EXPECT_EQ(server.received, "before");
  EXPECT_FALSE(server.end) << "the peer ended nothing";
}

TEST(UringBackend, AChannelMayDieWhileTheKernelSendsForIt) {
  loop on;
  connected_pair both(on);
  both.client->stream->stop_receiving();
  on.io().turn(on.io().now());
  both.server().stream->write(std::string(50'000'000, 'x'));
  for (int i = 0; i < 10; ++i) {
    on.io().turn(on.io().now());
  }
  ASSERT_GT(both.server().stream->unsent_bytes(), 0U);
  both.accepts.peers.clear();
  both.client->stream->start_receiving();
  ASSERT_TRUE(on.turn_until([&] { return both.client->end.has_value(); }));
  EXPECT_LT(both.client->received.size(), 50'000'000U);
}

TEST(UringBackend, DestroyingItWithWorkUnderWayLeavesNothingBehind) {
  auto on = std::make_unique<loop>();
  watching watched;
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe2(pipe.data(), O_CLOEXEC), 0);
  const unique_fd read_end(pipe[0]);
  const unique_fd write_end(pipe[1]);
  {
    connected_pair both(*on);
    both.server().stream->write(std::string(50'000'000, 'x'));
    const auto interest = on->io().watch_once(read_end.get(), readiness::readable, watched);
    on->io().turn(on->io().now());
  }
  on.reset();
  EXPECT_EQ(watched.ready, 0);
}

TEST(UringBackend, ADestroyedChannelHearsNothingMoreOfTheSameTurn) {
  loop on;
  connected_pair both(on);
  auto* const server = &both.server();
  server->on_bytes = [](peer& p) { p.stream.reset(); };
  both.client->stream->write(random_text(300'000, 5));  // more than one completion
  ASSERT_TRUE(on.turn_until([&] { return both.client->end.has_value() || both.client->failed_send.has_value(); }));
  EXPECT_LE(server->received.size(), 65'536U) << "the first event was not the last";
  EXPECT_FALSE(server->end);
}

int descriptor_of(const channel& stream) {
  for (int fd = 3; fd < 1000; ++fd) {
    if (local_address_of(fd) == stream.local_address() && peer_address_of(fd) == stream.peer_address()) {
      return fd;
    }
  }
  return -1;
}

TEST(UringBackend, S97_ADescriptorClosedBehindOurBackFailsSendingWithoutACrashOrASpin) {
  loop on;
  connected_pair both(on);
  on.io().turn(on.io().now());
  peer& server = both.server();
  const int descriptor = descriptor_of(*server.stream);
  ASSERT_GE(descriptor, 0);
  ASSERT_EQ(::close(descriptor), 0);
  server.stream->write(std::string("x"));
  ASSERT_TRUE(on.turn_until([&] { return server.failed_send.has_value(); }));
  EXPECT_EQ(*server.failed_send, EBADF);
  on.io().turn(on.io().now());
  on.io().turn(on.io().now() + milliseconds(20));
  EXPECT_GE(on.io().waited(), milliseconds(20)) << "it spins";
  both.accepts.peers.clear();
  ASSERT_TRUE(on.turn_until([&] { return both.client->end.has_value(); }));
}

TEST(UringBackend, PeersOfAListenerThatDiedInTheSameTurnAreClosed) {
  loop on;
  accepting accepts;
  auto port = on.listen(accepts);
  const unique_fd first = connected_socket(port->local_address());
  const unique_fd second = connected_socket(port->local_address());
  accepts.on_peer = [&](peer&) { port.reset(); };
  ASSERT_TRUE(on.turn_until([&] { return !accepts.peers.empty(); }));
  on.io().turn(on.io().now());
  EXPECT_FALSE(is_closed_by_the_peer(first));
  EXPECT_TRUE(is_closed_by_the_peer(second));
  EXPECT_EQ(accepts.peers.size(), 1U);
}

// No descriptor is left in the process as long as it lives, `but` for this many.
class descriptor_shortage {
 public:
  explicit descriptor_shortage(std::size_t but) {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    unique_fd next(::dup(STDERR_FILENO));
    const rlimit low{.rlim_cur = static_cast<rlim_t>(next.get()) + 20, .rlim_max = before_.rlim_max};
    next.reset();
    EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &low), 0);
    do {
      taken_.emplace_back(::dup(STDERR_FILENO));
    } while (taken_.back());
    taken_.resize(taken_.size() - 1 - but);
  }
  descriptor_shortage(const descriptor_shortage&) = delete;
  descriptor_shortage& operator=(const descriptor_shortage&) = delete;
  ~descriptor_shortage() { ::setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
  std::vector<unique_fd> taken_;
};

// The undefined-behaviour sanitizer looks at memory through a pipe, and takes what it cannot see for broken.
#define NEEDS_THE_LAST_DESCRIPTOR()                             \
  if (WHORL_SANITIZED) {                                        \
    GTEST_SKIP() << "a sanitizer needs descriptors of its own"; \
  }

TEST(UringBackend, S95_OutOfDescriptorsTheWaitingAreClosedAndTheListenerRecovers) {
  NEEDS_THE_LAST_DESCRIPTOR()
  loop on;
  accepting accepts;
  const auto port = on.listen(accepts);
  const unique_fd refused = connected_socket(port->local_address());
  const unique_fd also_refused = connected_socket(port->local_address());
  {
    const descriptor_shortage none_left(0);
    ASSERT_TRUE(on.turn_until([&] { return is_closed_by_the_peer(refused) && is_closed_by_the_peer(also_refused); }));
    ASSERT_TRUE(on.turn_until([&] { return !accepts.failures.empty(); }));
    for (int i = 0; i < 20; ++i) {
      on.io().turn(on.io().now());
    }
  }
  EXPECT_EQ(accepts.failures, std::vector{EMFILE});
  const unique_fd served = connected_socket(port->local_address());
  ASSERT_TRUE(on.turn_until([&] { return accepts.peers.size() == 1; }));
}

TEST(UringBackend, S95_WithoutASpareDescriptorTheListenerRestsInsteadOfSpinning) {
  NEEDS_THE_LAST_DESCRIPTOR()
  loop on;
  accepting accepts;
  const unique_fd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  std::unique_ptr<listener> port;
  {
    const descriptor_shortage only_the_listeners(1);
    port = on.listen(accepts);
    const address at = port->local_address();
    ASSERT_EQ(::connect(client.get(), at.raw(), at.raw_bytes()), 0);
    ASSERT_TRUE(on.turn_until([&] { return !accepts.failures.empty(); }));
    for (int i = 0; i < 20; ++i) {
      on.io().turn(on.io().now());
    }
  }
  EXPECT_EQ(accepts.failures, std::vector{EMFILE});
  ASSERT_TRUE(on.turn_until([&] { return accepts.peers.size() == 1; }));
}

TEST(UringBackend, S93_AnAddressCanBeListenedOnAgainAtOnce) {
  loop on;
  accepting accepts;
  auto port = on.listen(accepts);
  const address at = port->local_address();
  on.io().turn(on.io().now());
  port.reset();
  auto again = on.io().listen(at, {}, accepts);
  ASSERT_TRUE(again) << again.error().what();
  EXPECT_NE(on.connect(at), nullptr);
  ASSERT_TRUE(on.turn_until([&] { return accepts.peers.size() == 1; }));
}

TEST(UringBackend, AUnixSocketIsGoneWithItsListenerAndCanBeListenedOnAgain) {
  loop on;
  accepting accepts;
  const std::string path = testing::TempDir() + "/uring_again_" + std::to_string(::getpid());
  for (int round = 0; round < 3; ++round) {
    const auto port = on.io().listen(*address::unix_path(path), {}, accepts);
    ASSERT_TRUE(port) << port.error().what();
    EXPECT_NE(on.connect(*address::unix_path(path)), nullptr);
  }
  EXPECT_NE(::access(path.c_str(), F_OK), 0);
}

TEST(UringBackend, S94_ConnectingNeverFailsInsideTheCall) {
  loop on;
  accepting accepts;
  auto port = on.listen(accepts);
  const address at = port->local_address();
  port.reset();
  connecting attempt;
  const auto trying = on.io().connect(at, attempt);
  EXPECT_EQ(attempt.failed, 0);
  ASSERT_TRUE(on.turn_until([&] { return attempt.failed != 0; }));
  EXPECT_EQ(attempt.failed, ECONNREFUSED);
}

TEST(UringBackend, AnAttemptThatWasGivenUpSaysNothing) {
  loop on;
  accepting accepts;
  const auto port = on.listen(accepts);
  connecting attempt;
  on.io().connect(port->local_address(), attempt).reset();
  auto second = on.io().connect(port->local_address(), attempt);
  on.io().turn(on.io().now());
  if (attempt.made == nullptr) {
    second.reset();
  }
  const bool made = attempt.made != nullptr;
  for (int i = 0; i < 5; ++i) {
    on.io().turn(on.io().now());
  }
  EXPECT_EQ(attempt.made != nullptr, made);
  EXPECT_EQ(attempt.failed, 0);
}

TEST(UringBackend, AWakeFromAnotherThreadEndsTheWait) {
  loop on;
  for (int round = 0; round < 100; ++round) {
    const std::jthread other([&] { on.io().wake(); });
    on.io().turn({});
  }
}

TEST(UringBackend, AWakeBeforeTheWaitEndsIt) {
  loop on;
  on.io().wake();
  on.io().wake();
  on.io().turn({});
  const time_point before = on.io().now();
  on.io().turn(before + milliseconds(20));
  EXPECT_GE(on.io().now() - before, milliseconds(20)) << "two wakes are one";
}

TEST(UringBackend, S48_AWaitIsNeverShorterThanAskedForAndMayBeCenturies) {
  loop on;
  on.io().turn(on.io().now());
  const time_point until = on.io().now() + std::chrono::microseconds(1500);
  on.io().turn(until);
  EXPECT_GE(on.io().now(), until);
  EXPECT_GE(on.io().waited(), milliseconds(1));
  on.io().wake();
  on.io().turn(time_point::max());
}

TEST(UringBackend, AWatchTellsOnceAndAnAbandonedOneNever) {
  loop on;
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe2(pipe.data(), O_CLOEXEC), 0);
  const unique_fd read_end(pipe[0]);
  const unique_fd write_end(pipe[1]);
  watching kept;
  watching dropped;
  const auto interest = on.io().watch_once(read_end.get(), readiness::readable, kept);
  auto lost = on.io().watch_once(read_end.get(), readiness::readable, dropped);
  ASSERT_TRUE(interest);
  ASSERT_TRUE(lost);
  on.io().turn(on.io().now());
  lost->reset();
  ASSERT_EQ(::write(write_end.get(), "x", 1), 1);
  ASSERT_TRUE(on.turn_until([&] { return kept.ready != 0; }));
  on.io().turn(on.io().now());
  EXPECT_EQ(kept.ready, 1);
  EXPECT_EQ(dropped.ready, 0);
}

// Lets io_uring_setup(2) fail from now on; for a child process.
void forbid_io_uring(int error_number) {
  std::array<sock_filter, 4> program{{
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<unsigned>(error_number)),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  }};
  const sock_fprog filter{.len = program.size(), .filter = program.data()};
  ASSERT_EQ(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0) << std::strerror(errno);
  ASSERT_EQ(::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter), 0) << std::strerror(errno);
}

// The message of the refusal, as the death of a child that may not use io_uring.
[[noreturn]] void die_of_the_refusal(int error_number) {
  forbid_io_uring(error_number);
  const auto made = make_uring_backend();
  if (made || !made.error().is(errc::unsupported)) {
    std::fprintf(stderr, "not refused\n");
    std::_Exit(1);
  }
  std::fprintf(stderr, "%s\n", made.error().what());
  std::_Exit(0);
}

TEST(UringBackend, WhereItIsForbiddenItIsUnsupportedAndSaysWhatToDo) {
  EXPECT_EXIT(die_of_the_refusal(EPERM), testing::ExitedWithCode(0), "forbids it.*WHORL_BACKEND=epoll");
  EXPECT_EXIT(die_of_the_refusal(ENOSYS), testing::ExitedWithCode(0), "forbids it.*WHORL_BACKEND=epoll");
  EXPECT_EXIT(die_of_the_refusal(EINVAL), testing::ExitedWithCode(0), "too old.*WHORL_BACKEND=epoll");
}

TEST(UringBackend, DestroyingItBeforeItsChannelsSaysSo) {
  EXPECT_DEATH(
      {
        accepting accepts;
        auto on = std::make_unique<loop>();
        const auto port = on->listen(accepts);
        on.reset();
      },
      "destroyed before the channels");
}

}  // namespace
}  // namespace whorl
