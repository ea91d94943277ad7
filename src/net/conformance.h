// What the tests of transports and streams share: a loop on each back end, and a protocol that writes down its events.
#pragma once

#include <whorl/net/endpoint.h>
#include <whorl/reactor/reactor.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <ostream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace whorl {

struct loop_kind {
  std::string_view name;
  result<std::unique_ptr<backend>> (*make)();

  friend void PrintTo(const loop_kind& kind, std::ostream* to) { *to << kind.name; }
};

inline std::vector<loop_kind> loop_kinds() {
  return {
      {"memory",
       []() -> result<std::unique_ptr<backend>> {
         return make_memory_backend(make_memory_network(testing::UnitTest::GetInstance()->random_seed()));
       }},
      {"epoll", make_epoll_backend},
      {"uring", make_uring_backend},
  };
}

// A loop that a test turns by hand, until what it waits for has happened.
class loop_test : public testing::TestWithParam<loop_kind> {
 protected:
  void SetUp() override {
    auto io = GetParam().make();
    if (!io) GTEST_SKIP() << io.error().what();
    loop_.emplace(std::move(*io));
  }

  // Connections that are still open then tell their records, which must be alive.
  void TearDown() override { loop_.reset(); }

  reactor& loop() { return *loop_; }
  void end_loop() { loop_.reset(); }

  // Turns the loop until `done()`; ends the test when that does not come to pass.
  template <class Condition>
  void until(Condition done, std::string_view what) {
    const time_point deadline = loop().now() + std::chrono::seconds(20);
    for (int turns = 0; turns < 100'000 && loop().now() < deadline && !done(); ++turns) {
      loop().turn(loop().now() + std::chrono::milliseconds(1));
    }
    if (!done()) throw std::runtime_error("waited in vain until " + std::string(what));
  }

  // Enough turns for everything underway to arrive; for tests that nothing more happens.
  void settle() {
    for (int i = 0; i < 20; ++i) {
      loop().turn(loop().now() + std::chrono::milliseconds(1));
    }
  }

  template <class T>
  auto result_of(deferred<T> pending) {
    until([&] { return pending.ready(); }, "a deferred fires");
    return std::move(pending).take();
  }

 private:
  std::optional<reactor> loop_;
};

// What happened to a connection, kept by the test and outliving the protocol.
struct record {
  transport* connection = nullptr;  // until the protocol dies
  std::vector<std::string> events;
  std::string received;
  std::optional<failure> reason;
  int inside_call = 0;                                         // the depth of the test's own calls to the transport
  std::function<void(record&, std::string_view event)> react;  // called in every event

  bool has(std::string_view event) const { return std::ranges::find(events, event) != events.end(); }
  bool lost() const { return reason.has_value(); }

  void happened(std::string event) {
    EXPECT_EQ(inside_call, 0) << event << " was delivered from inside a call to the transport";
    if (event != "received" || events.empty() || events.back() != event) events.push_back(event);
    if (react) react(*this, event);
  }

  // Calls the transport, on the watch for events from inside the call.
  template <class Call>
  void call(Call make) {
    ++inside_call;
    make(*connection);
    --inside_call;
  }
};

enum class half_open { ends, goes_on };

class recorder : public protocol {
 public:
  explicit recorder(record& into, half_open when_peer_ends = half_open::ends)
      : into_(into), when_peer_ends_(when_peer_ends) {}
  ~recorder() override {
    into_.connection = nullptr;
    into_.happened("destroyed");
  }

  void connection_made(transport& connection) override {
    into_.connection = &connection;
    into_.happened("made");
  }
  void data_received(bytes_view bytes) override {
    into_.received.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    into_.happened("received");
  }
  void read_connection_lost() override {
    into_.happened("read lost");
    if (when_peer_ends_ == half_open::ends) protocol::read_connection_lost();
  }
  void write_connection_lost() override { into_.happened("write lost"); }
  void connection_lost(const failure& reason) override {
    into_.reason = reason;
    into_.happened("lost");
  }
  void writing_paused() override { into_.happened("paused"); }
  void writing_resumed() override { into_.happened("resumed"); }

 private:
  record& into_;
  half_open when_peer_ends_;
};

// Gives the suite its instances: GROUP/SUITE.TEST/memory and so on.
#define WHORL_ON_EVERY_LOOP(group, suite)                                        \
  INSTANTIATE_TEST_SUITE_P(group, suite, testing::ValuesIn(whorl::loop_kinds()), \
                           [](const auto& kind) { return std::string(kind.param.name); })

}  // namespace whorl
