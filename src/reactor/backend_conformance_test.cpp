// What every back end must do, in one suite over all of them.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <whorl/reactor/unique_fd.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <thread>
#include <tuple>

#include "reactor/backend_suite.h"

namespace whorl {
namespace {

using namespace std::chrono_literals;

std::string kind_name(kind which) { return which == kind::epoll ? "epoll" : which == kind::uring ? "uring" : "memory"; }

// With a listener, on which ends connect in pairs.
class Streams : public testing::TestWithParam<std::tuple<kind, family>> {
 protected:
  void SetUp() override {
    if (!on.usable()) {
      GTEST_SKIP() << "this kernel or container forbids io_uring";
    }
    port = listen(wanted_address());
    ASSERT_NE(port, nullptr);
  }
  ~Streams() override {
    client.reset();
    accepts.ends.clear();
    port.reset();
  }

  backend& io() { return on.io(); }
  bool memory() const { return std::get<0>(GetParam()) == kind::memory; }
  bool tcp() const { return std::get<1>(GetParam()) == family::tcp; }

  address wanted_address() const {
    return tcp() ? address::tcp("127.0.0.1", 0).value() : address::unix_path(scratch.file("socket")).value();
  }

  std::unique_ptr<listener> listen(const address& at) {
    auto opened = io().listen(at, {}, accepts);
    EXPECT_TRUE(opened) << opened.error().what();
    return opened ? std::move(*opened) : nullptr;
  }

  // Connects client and server.
  void join() {
    client = connect();
    ASSERT_NE(client, nullptr);
    ASSERT_TRUE(on.turn_until([&] { return !accepts.ends.empty(); }));
    client->stream->start_receiving();
    server().stream->start_receiving();
  }

  std::unique_ptr<stream_end> connect() {
    connecting attempt;
    const auto trying = io().connect(port->local_address(), attempt);
    EXPECT_TRUE(on.turn_until([&] { return attempt.over(); }));
    EXPECT_EQ(attempt.failed, 0) << std::strerror(attempt.failed);
    return std::move(attempt.end);
  }

  stream_end& server() { return *accepts.ends.front(); }

  scratch_directory scratch;
  turning_backend on{std::get<0>(GetParam())};
  accepting accepts;
  std::unique_ptr<listener> port;
  std::unique_ptr<stream_end> client;
};

INSTANTIATE_TEST_SUITE_P(, Streams,
                         testing::Combine(testing::Values(kind::epoll, kind::uring, kind::memory),
                                          testing::Values(family::tcp, family::local)),
                         [](const auto& what) {
                           return kind_name(std::get<0>(what.param)) +
                                  (std::get<1>(what.param) == family::tcp ? "_tcp" : "_unix");
                         });

TEST_P(Streams, CarryBytesBothWays) {
  join();
  server().on_bytes = [&](bytes_view bytes) { server().stream->write(bytes); };
  client->write("hello");
  ASSERT_TRUE(on.turn_until([&] { return client->received == "hello"; }));
  client->stream->write(std::string(" again"));
  ASSERT_TRUE(on.turn_until([&] { return client->received == "hello again"; }));
}

TEST_P(Streams, S81_KeepTheOrderOfWritesOfAnySize) {
  join();
  std::string expected;
  for (std::size_t size = 1; size < 200000; size = size * 3 + 1) {
    const std::string text(size, static_cast<char>('a' + size % 23));
    expected += text + text;
    client->write(text);
    client->stream->write(text);
  }
  ASSERT_TRUE(on.turn_until([&] { return server().received_bytes == expected.size(); }));
  EXPECT_EQ(server().received, expected);
  EXPECT_EQ(client->stream->unsent_bytes(), 0U);
}

TEST_P(Streams, WritingCallsNothingBack) {
  join();
  bool inside = false;
  client->on_sent = [&] { EXPECT_FALSE(inside); };
  inside = true;
  client->write("x");
  EXPECT_EQ(client->stream->unsent_bytes(), 1U);
  inside = false;
  ASSERT_TRUE(on.turn_until([&] { return client->stream->unsent_bytes() == 0; }));
}

TEST_P(Streams, KeepWhatAPeerDoesNotReadUntilItDoes) {
  join();
  server().stream->stop_receiving();
  const std::string piece(1 << 20, 'x');
  for (int i = 0; i < 32; ++i) {
    client->write(piece);
  }
  on.settle();
  EXPECT_GT(client->stream->unsent_bytes(), 8U << 20);
  EXPECT_EQ(server().received_bytes, 0U);
  server().keep = false;
  server().stream->start_receiving();
  ASSERT_TRUE(on.turn_until([&] { return server().received_bytes == 32 * piece.size(); }));
  EXPECT_EQ(client->stream->unsent_bytes(), 0U);
}

TEST_P(Streams, S90_AllDataComesBeforeTheEnd) {
  join();
  client->write(std::string(100000, 'x'));
  client->stream->shut_down_write();
  ASSERT_TRUE(on.turn_until([&] { return server().ended.has_value(); }));
  EXPECT_EQ(server().ended, 0);
  EXPECT_EQ(server().received_bytes, 100000U);
}

TEST_P(Streams, S90_AllDataComesBeforeTheEndAlsoAfterAPause) {
  join();
  server().stream->stop_receiving();
  client->write(std::string(50000, 'x'));
  ASSERT_TRUE(on.turn_until([&] { return client->stream->unsent_bytes() == 0; }));
  client->stream.reset();
  on.settle();
  EXPECT_EQ(server().received_bytes, 0U);
  EXPECT_FALSE(server().ended);
  server().stream->start_receiving();
  ASSERT_TRUE(on.turn_until([&] { return server().ended.has_value(); }));
  EXPECT_EQ(server().ended, 0);
  EXPECT_EQ(server().received_bytes, 50000U);
}

TEST_P(Streams, S87_AnEndThatWroteItsLastStillReceives) {
  join();
  client->stream->shut_down_write();
  ASSERT_TRUE(on.turn_until([&] { return server().ended.has_value(); }));
  server().write("the rest");
  ASSERT_TRUE(on.turn_until([&] { return client->received == "the rest"; }));
  EXPECT_FALSE(client->ended);
  server().stream->shut_down_write();
  ASSERT_TRUE(on.turn_until([&] { return client->ended.has_value(); }));
  EXPECT_EQ(client->ended, 0);
}

TEST_P(Streams, S91_NothingComesWhileReceivingIsStopped) {
  join();
  client->write("one");
  ASSERT_TRUE(on.turn_until([&] { return server().received == "one"; }));
  server().stream->stop_receiving();
  client->write("two");
  on.settle();
  EXPECT_EQ(server().received, "one");
  server().stream->start_receiving();
  ASSERT_TRUE(on.turn_until([&] { return server().received == "onetwo"; }));
}

TEST_P(Streams, S91_StoppingAndStartingInsideTheEventLosesNothing) {
  join();
  server().on_bytes = [&](bytes_view) {
    server().stream->stop_receiving();
    server().stream->start_receiving();
    server().stream->stop_receiving();
  };
  client->write(std::string(300000, 'x'));
  while (server().received_bytes < 300000U) {
    const std::size_t before = server().received_bytes;
    server().stream->start_receiving();
    ASSERT_TRUE(on.turn_until([&] { return server().received_bytes > before; }));
  }
}

TEST_P(Streams, MayBeDestroyedInsideTheirOwnEvents) {
  join();
  server().on_bytes = [&](bytes_view) { server().stream.reset(); };
  client->write("x");
  ASSERT_TRUE(on.turn_until([&] { return client->ended.has_value(); }));
  EXPECT_EQ(server().received, "x");
}

TEST_P(Streams, MayBeDestroyedWhenTheEndComesOrBytesWereSent) {
  join();
  client->on_sent = [&] { client->stream.reset(); };
  server().on_end = [&] { server().stream.reset(); };
  client->write("x");
  ASSERT_TRUE(on.turn_until([&] { return server().ended.has_value(); }));
  EXPECT_EQ(server().received, "x");
  on.settle();
}

TEST_P(Streams, ADestroyedStreamHearsNothingMoreOfTheSameTurn) {
  constexpr std::size_t count = 20;
  std::vector<std::unique_ptr<stream_end>> clients;
  for (std::size_t i = 0; i < count; ++i) {
    clients.push_back(connect());
  }
  ASSERT_TRUE(on.turn_until([&] { return accepts.ends.size() == count; }));
  std::size_t heard = 0;
  for (auto& end : accepts.ends) {
    end->on_bytes = [&](bytes_view) {
      ++heard;
      for (auto& other : accepts.ends) {
        other->stream.reset();
      }
    };
    end->stream->start_receiving();
  }
  for (auto& each : clients) {
    each->write("x");
  }
  ASSERT_TRUE(on.turn_until([&] { return heard != 0; }));
  on.settle();
  EXPECT_EQ(heard, 1U);
}

TEST_P(Streams, AResetIsToldAsSuch) {
  if (!tcp()) {
    GTEST_SKIP() << "UNIX sockets have no reset";
  }
  join();
  client->stream->reset_on_close();
  client->stream.reset();
  ASSERT_TRUE(on.turn_until([&] { return server().ended.has_value(); }));
  EXPECT_EQ(server().ended, ECONNRESET);
}

TEST_P(Streams, SendingToAPeerThatIsGoneFailsOnce) {
  join();
  server().stream.reset();
  client->on_bytes = nullptr;
  const bool failed = static_cast<bool>(on.turn_until([&] {
    client->write("x");
    return client->send_error.has_value();
  }));
  EXPECT_TRUE(failed);
  EXPECT_TRUE(client->send_error == EPIPE || client->send_error == ECONNRESET) << *client->send_error;
  client->write("more");
  on.settle();
}

TEST_P(Streams, KnowTheirAddresses) {
  join();
  EXPECT_EQ(client->stream->peer_address(), port->local_address());
  EXPECT_EQ(server().stream->local_address(), port->local_address());
  EXPECT_EQ(server().stream->peer_address(), client->stream->local_address());
}

TEST_P(Streams, S94_ConnectingToNobodyFailsLater) {
  const address nobody = port->local_address();
  port.reset();
  connecting attempt;
  const auto trying = io().connect(nobody, attempt);
  EXPECT_FALSE(attempt.over());
  ASSERT_TRUE(on.turn_until([&] { return attempt.over(); }));
  EXPECT_EQ(attempt.failed, tcp() ? ECONNREFUSED : ENOENT);
}

TEST_P(Streams, S111_AnAttemptThatIsDroppedSaysNothing) {
  connecting attempt;
  {
    const auto trying = io().connect(port->local_address(), attempt);
  }
  on.settle();
  EXPECT_FALSE(attempt.over());
}

TEST_P(Streams, S93_AListenerThatStopsLeavesItsStreamsAlone) {
  join();
  const address at = port->local_address();
  port.reset();
  client->write("still here");
  ASSERT_TRUE(on.turn_until([&] { return server().received == "still here"; }));
  port = listen(at);
  ASSERT_NE(port, nullptr);
  EXPECT_NE(connect(), nullptr);
}

TEST_P(Streams, S94_AnAddressInUseIsAnErrorThatSaysWhatToDo) {
  const auto second = io().listen(port->local_address(), {}, accepts);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), std::error_code(EADDRINUSE, std::system_category()));
  EXPECT_NE(second.error().message().find(port->local_address().to_string()), std::string::npos);
  EXPECT_NE(second.error().message().find("choose another"), std::string::npos) << second.error().message();
}

TEST_P(Streams, AListenerMayBeDestroyedInsideItsOwnEvent) {
  accepts.on_accepted = [&](stream_end&) { port.reset(); };
  const address to = port->local_address();
  std::array<connecting, 3> attempts;
  std::vector<std::unique_ptr<connector>> trying;
  for (auto& attempt : attempts) {
    trying.push_back(io().connect(to, attempt));
  }
  ASSERT_TRUE(on.turn_until([&] { return std::ranges::all_of(attempts, &connecting::over); }));
  ASSERT_TRUE(on.turn_until([&] { return !accepts.ends.empty(); }));
  EXPECT_EQ(port, nullptr);
}

TEST_P(Streams, AFloodOfConnectionsIsAccepted) {
  constexpr std::size_t count = 400;
  std::vector<connecting> attempts(count);
  std::vector<std::unique_ptr<connector>> trying;
  accepts.on_accepted = [](stream_end& end) {
    end.on_bytes = [&end](bytes_view bytes) { end.stream->write(bytes); };
    end.stream->start_receiving();
  };
  for (auto& attempt : attempts) {
    trying.push_back(io().connect(port->local_address(), attempt));
  }
  ASSERT_TRUE(on.turn_until([&] { return std::ranges::all_of(attempts, &connecting::over); }));
  for (auto& attempt : attempts) {
    ASSERT_EQ(attempt.failed, 0) << std::strerror(attempt.failed);
    attempt.end->stream->start_receiving();
    attempt.end->write("ping");
  }
  const auto answered = [](const connecting& attempt) { return attempt.end->received == "ping"; };
  ASSERT_TRUE(on.turn_until([&] { return std::ranges::all_of(attempts, answered); }));
  EXPECT_EQ(accepts.ends.size(), count);
}

// A checksum that depends on the order.
class running_sum {
 public:
  void add(bytes_view bytes) {
    for (const std::byte each : bytes) {
      sum_ = (sum_ ^ static_cast<std::uint64_t>(each)) * 0x100000001b3U;
    }
  }
  std::uint64_t value() const { return sum_; }

 private:
  std::uint64_t sum_ = 0xcbf29ce484222325U;
};

TEST_P(Streams, AHundredMegabytesArriveUnchanged) {
  join();
  constexpr std::size_t total = 100'000'000;
  running_sum out;
  running_sum in;
  std::mt19937_64 random(7);
  std::string noise(200'000, '\0');
  std::ranges::generate(noise, [&] { return static_cast<char>(random()); });
  std::size_t written = 0;
  const auto write_more = [&] {
    while (written < total && client->stream->unsent_bytes() < (1U << 20)) {
      std::string piece =
          noise.substr(random() % 100'000, std::min<std::size_t>(total - written, 1 + random() % 100'000));
      out.add(view_of(piece));
      written += piece.size();
      client->stream->write(std::move(piece));
    }
  };
  client->on_sent = write_more;
  server().keep = false;
  server().on_bytes = [&](bytes_view bytes) { in.add(bytes); };
  write_more();
  ASSERT_TRUE(on.turn_until([&] { return server().received_bytes >= total; }));
  EXPECT_EQ(in.value(), out.value());
}

TEST_P(Streams, ABusyPeerDoesNotStarveAnother) {
  join();
  const auto other = connect();
  ASSERT_TRUE(on.turn_until([&] { return accepts.ends.size() == 2; }));
  stream_end& quiet = *accepts.ends.back();
  quiet.stream->start_receiving();
  server().keep = false;
  bool endless = true;
  client->on_sent = [&] {
    if (endless && client->stream->unsent_bytes() < (4U << 20)) {
      client->stream->write(std::string(1U << 20, 'x'));
    }
  };
  client->stream->write(std::string(1U << 20, 'x'));
  ASSERT_TRUE(on.turn_until([&] { return server().received_bytes > (8U << 20); }));
  other->write("let me through");
  const std::size_t before = server().received_bytes;
  ASSERT_TRUE(on.turn_until([&] { return quiet.received == "let me through"; }));
  EXPECT_LT(server().received_bytes - before, 64U << 20);
  endless = false;
}

// What sockets and files need; the memory back end has neither.
class KernelStreams : public Streams {};

INSTANTIATE_TEST_SUITE_P(, KernelStreams,
                         testing::Combine(testing::Values(kind::epoll, kind::uring),
                                          testing::Values(family::tcp, family::local)),
                         [](const auto& what) {
                           return kind_name(std::get<0>(what.param)) +
                                  (std::get<1>(what.param) == family::tcp ? "_tcp" : "_unix");
                         });

int highest_descriptor() {
  const unique_fd probe(::dup(STDERR_FILENO));
  return probe.get();
}

// Lets the process have only few descriptors more than it has.
class descriptor_limit {
 public:
  explicit descriptor_limit(int further) {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    rlimit fewer = before_;
    fewer.rlim_cur = static_cast<rlim_t>(highest_descriptor() + further);
    ::setrlimit(RLIMIT_NOFILE, &fewer);
  }
  ~descriptor_limit() { ::setrlimit(RLIMIT_NOFILE, &before_); }
  descriptor_limit(const descriptor_limit&) = delete;
  descriptor_limit& operator=(const descriptor_limit&) = delete;

 private:
  rlimit before_{};
};

TEST_P(KernelStreams, S95_OutOfDescriptorsThePeersAreClosedAndTheListenerRecovers) {
  const unique_fd first(::socket(port->local_address().family(), SOCK_STREAM, 0));
  const unique_fd second(::socket(port->local_address().family(), SOCK_STREAM, 0));
  const address to = port->local_address();
  {
    const descriptor_limit none(0);
    ASSERT_EQ(::connect(first.get(), to.raw(), to.raw_bytes()), 0);
    ASSERT_TRUE(on.turn_until([&] { return !accepts.failures.empty(); }));
    EXPECT_EQ(accepts.failures.front(), EMFILE);
    char end = 0;
    EXPECT_LE(::recv(first.get(), &end, 1, 0), 0);
  }
  ASSERT_EQ(::connect(second.get(), to.raw(), to.raw_bytes()), 0);
  EXPECT_TRUE(on.turn_until([&] { return !accepts.ends.empty(); }));
  EXPECT_EQ(accepts.failures.size(), 1U);
}

TEST_P(KernelStreams, AnotherThreadsWakeEndsTheWait) {
  for (int round = 0; round < 100; ++round) {
    std::thread waker([&] { io().wake(); });
    io().turn(std::nullopt);
    waker.join();
  }
}

TEST_P(KernelStreams, AWakeBeforeTheWaitEndsIt) {
  io().wake();
  io().turn(std::nullopt);
}

TEST_P(KernelStreams, AFileOfADeadListenerIsReplacedAndALivingOneIsNot) {
  if (tcp()) {
    GTEST_SKIP() << "of UNIX sockets only";
  }
  const address stale = address::unix_path(scratch.file("stale")).value();
  {
    const unique_fd dead(::socket(AF_UNIX, SOCK_STREAM, 0));
    ASSERT_EQ(::bind(dead.get(), stale.raw(), stale.raw_bytes()), 0);
  }
  ASSERT_TRUE(std::filesystem::exists(scratch.file("stale")));
  auto replaced = listen(stale);
  EXPECT_NE(replaced, nullptr);
  replaced.reset();
  EXPECT_FALSE(std::filesystem::exists(scratch.file("stale")));
  EXPECT_FALSE(io().listen(port->local_address(), {}, accepts));
  EXPECT_TRUE(std::filesystem::exists(scratch.file("socket")));
}

TEST_P(KernelStreams, AFileThatIsNoSocketIsLeftAlone) {
  const std::string path = scratch.file("plain");
  ASSERT_EQ(::close(::creat(path.c_str(), 0600)), 0);
  EXPECT_FALSE(io().listen(address::unix_path(path).value(), {}, accepts));
  EXPECT_TRUE(std::filesystem::exists(path));
}

TEST_P(KernelStreams, SeveralListenersMayShareAPort) {
  if (!tcp()) {
    GTEST_SKIP() << "of TCP only";
  }
  listen_options shared;
  shared.reuse_port = true;
  const auto first = io().listen(address::tcp("127.0.0.1", 0).value(), shared, accepts);
  ASSERT_TRUE(first);
  const auto second = io().listen((*first)->local_address(), shared, accepts);
  EXPECT_TRUE(second) << second.error().what();
}

TEST_P(KernelStreams, AUnixSocketsFileHasTheModeAskedFor) {
  listen_options options;
  options.unix_mode = 0600;
  const auto opened = io().listen(address::unix_path(scratch.file("private")).value(), options, accepts);
  ASSERT_TRUE(opened);
  EXPECT_EQ(std::filesystem::status(scratch.file("private")).permissions(), std::filesystem::perms(0600));
}

}  // namespace
}  // namespace whorl
