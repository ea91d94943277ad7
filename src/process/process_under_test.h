// What the tests of child processes share: a loop on each kernel back end, and a protocol that writes down its events.
#pragma once

#include <whorl/process/child.h>
#include <whorl/process/command.h>
#include <whorl/process/launch_step.h>
#include <whorl/reactor/reactor.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <ostream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace whorl::process {

struct loop_kind {
  std::string_view name;
  result<std::unique_ptr<backend>> (*make)();

  friend void PrintTo(const loop_kind& kind, std::ostream* to) { *to << kind.name; }
};

class process_test : public testing::TestWithParam<loop_kind> {
 protected:
  void SetUp() override {
    auto io = GetParam().make();
    if (!io) GTEST_SKIP() << io.error().what();
    loop_.emplace(std::move(*io));
  }
  void TearDown() override { loop_.reset(); }

  reactor& loop() { return *loop_; }
  void end_loop() { loop_.reset(); }

  // Turns the loop until `done()`; ends the test when that does not come to pass.
  template <class Condition>
  void until(Condition done, std::string_view what) {
    const time_point give_up = loop().now() + std::chrono::seconds(20);
    while (!done()) {
      if (loop().now() > give_up) throw std::runtime_error("waited in vain until " + std::string(what));
      loop().turn(loop().now() + std::chrono::milliseconds(20));
    }
  }

  // Enough turns for everything underway to arrive; for tests that nothing more happens.
  void settle() {
    for (int i = 0; i < 20; ++i) {
      loop().turn(loop().now() + std::chrono::milliseconds(2));
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

// What happened to a child, kept by the test and outliving the protocol.
struct record {
  child* running = nullptr;  // until the protocol dies
  std::vector<std::string> events;
  std::map<int, std::string> output;
  std::optional<exit_status> exited;
  std::optional<exit_status> ended;
  std::function<void(std::string_view event)> react;  // called in every event

  bool has(std::string_view event) const { return std::ranges::find(events, event) != events.end(); }
  void happened(const std::string& event) {
    events.push_back(event);
    if (react) react(event);
  }
};

class recorder : public process_protocol {
 public:
  explicit recorder(record& into) : into_(into) {}
  ~recorder() override {
    into_.running = nullptr;
    into_.events.emplace_back("destroyed");
  }

  void process_started(child& started) override {
    into_.running = &started;
    into_.happened("started");
  }
  void output_received(int fd, bytes_view bytes) override {
    into_.output[fd].append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    if (into_.react) into_.react("received");
  }
  void output_ended(int fd) override { into_.happened("output ended " + std::to_string(fd)); }
  void writing_paused(int fd) override { into_.happened("paused " + std::to_string(fd)); }
  void writing_resumed(int fd) override { into_.happened("resumed " + std::to_string(fd)); }
  void input_ended(int fd) override { into_.happened("input ended " + std::to_string(fd)); }
  void process_exited(const exit_status& how) override {
    into_.exited = how;
    into_.happened("exited");
  }
  void process_ended(const exit_status& how) override {
    into_.ended = how;
    into_.happened("ended");
  }

 private:
  record& into_;
};

inline command sh(const std::string& script) { return command("/bin/sh").args("-c", script); }

inline std::ptrdiff_t open_descriptors() {
  return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), std::filesystem::directory_iterator());
}

#define WHORL_ON_KERNEL_LOOPS(suite)                                                                       \
  INSTANTIATE_TEST_SUITE_P(Loops, suite,                                                                   \
                           testing::Values(whorl::process::loop_kind{"epoll", whorl::make_epoll_backend},  \
                                           whorl::process::loop_kind{"uring", whorl::make_uring_backend}), \
                           [](const auto& kind) { return std::string(kind.param.name); })

}  // namespace whorl::process
