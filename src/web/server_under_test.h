// What the tests of the server share: a loop on each back end with a server on it, and clients that speak bytes.
#pragma once

#include <whorl/deferred/log.h>
#include <whorl/web/server.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <regex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "net/conformance.h"

namespace whorl::web {

// A client that writes what the test says and keeps what it is answered.
class raw_client {
 public:
  void write(std::string_view text) { seen_.connection->write(text); }
  transport& connection() { return *seen_.connection; }

  // Everything received, without dates.
  std::string received() const {
    static const std::regex date("Date: [^\r]*\r\n");
    return std::regex_replace(seen_.received, date, "");
  }
  std::size_t received_bytes() const { return seen_.received.size(); }
  bool has(std::string_view text) const { return seen_.received.find(text) != std::string::npos; }
  std::size_t count(std::string_view text) const {
    std::size_t found = 0;
    for (std::size_t at = seen_.received.find(text); at != std::string::npos; at = seen_.received.find(text, at + 1)) {
      ++found;
    }
    return found;
  }
  bool ended() const { return seen_.has("read lost") || seen_.lost(); }
  bool lost() const { return seen_.lost(); }
  bool aborted_by_peer() const { return seen_.lost() && !seen_.has("read lost"); }

  record& seen() { return seen_; }

 private:
  record seen_;
};

class server_test : public loop_test {
 protected:
  void SetUp() override {
    log_.clear();
    set_log_sink([this](log_level, std::string_view line) { log_.emplace_back(line); });
    loop_test::SetUp();
    if (IsSkipped()) return;
    start(server_options());
  }

  void TearDown() override {
    server_.reset();
    loop_test::TearDown();
    set_log_sink({});
  }

  // In place of the server that every test begins with.
  void start(server_options options) {
    server_ = std::make_unique<server>(loop(), std::move(options));
    ASSERT_TRUE(result_of(server_->listen("tcp:127.0.0.1:0")));
  }

  server& site() { return *server_; }
  void end_server() { server_.reset(); }

  std::string endpoint() const { return server_->local_address().to_string(); }
  std::string url(std::string_view path) const { return "http://" + endpoint().substr(4) + std::string(path); }

  raw_client& connect_client(half_open when_server_ends = half_open::ends) {
    clients_.push_back(std::make_unique<raw_client>());
    auto connected = result_of(
        whorl::connect(loop(), endpoint(), std::make_unique<recorder>(clients_.back()->seen(), when_server_ends)));
    EXPECT_TRUE(connected);
    return *clients_.back();
  }

  void until_has(raw_client& client, std::string_view text) {
    until([&] { return client.has(text); }, "the client has received \"" + std::string(text) + "\"");
  }
  void until_ended(raw_client& client) {
    until([&] { return client.ended(); }, "the server ends the connection");
  }

  // What one connection answers to some bytes, until the server ends it.
  std::string answer_to(std::string_view request) {
    raw_client& client = connect_client();
    client.write(request);
    until_ended(client);
    return client.received();
  }

  // Lets so much time pass.
  void pass(duration time) {
    const time_point then = loop().now() + time;
    while (loop().now() < then) {
      loop().turn(then);
    }
    settle();
  }

  bool logged(std::string_view text) const {
    return std::ranges::any_of(log_, [&](const std::string& line) { return line.find(text) != std::string::npos; });
  }

 private:
  std::vector<std::string> log_;
  std::vector<std::unique_ptr<raw_client>> clients_;
  std::unique_ptr<server> server_;
};

inline std::string kind_name(const testing::TestParamInfo<loop_kind>& tested) { return std::string(tested.param.name); }

// For limits that take minutes: the loops whose time is virtual.
inline std::vector<loop_kind> virtual_time() { return {loop_kinds().front()}; }

}  // namespace whorl::web
