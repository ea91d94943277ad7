// What the conformance suite runs every back end with: ends of connections that write down what they are told.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>
#include <whorl/reactor/backend.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace whorl {

inline std::string text_of(bytes_view bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }
inline bytes_view view_of(const std::string& text) { return std::as_bytes(std::span(text)); }

// One end of a connection.
struct stream_end final : channel_events {
  explicit stream_end(std::unique_ptr<channel> connected) : stream(std::move(connected)) { stream->set_events(*this); }

  void bytes_received(bytes_view bytes) noexcept override {
    EXPECT_FALSE(ended) << "bytes came after the end";
    EXPECT_FALSE(bytes.empty());
    if (keep) {
      received += text_of(bytes);
    }
    received_bytes += bytes.size();
    if (on_bytes) {
      on_bytes(bytes);
    }
  }
  void receive_ended(int error_number) noexcept override {
    EXPECT_FALSE(ended) << "the end came twice";
    ended = error_number;
    if (on_end) {
      on_end();
    }
  }
  void bytes_sent() noexcept override {
    if (on_sent) {
      on_sent();
    }
  }
  void send_failed(int error_number) noexcept override {
    EXPECT_FALSE(send_error) << "the failure to send came twice";
    send_error = error_number;
  }
  void write(const std::string& text) { stream->write(view_of(text)); }

  std::unique_ptr<channel> stream;
  std::string received;
  std::size_t received_bytes = 0;
  bool keep = true;
  std::optional<int> ended;
  std::optional<int> send_error;
  std::function<void(bytes_view)> on_bytes;
  std::function<void()> on_end;
  std::function<void()> on_sent;
};

struct accepting final : accept_events {
  void accepted(std::unique_ptr<channel> stream) noexcept override {
    ends.push_back(std::make_unique<stream_end>(std::move(stream)));
    if (on_accepted) {
      on_accepted(*ends.back());
    }
  }
  void accept_failed(int error_number) noexcept override { failures.push_back(error_number); }

  std::vector<std::unique_ptr<stream_end>> ends;
  std::vector<int> failures;
  std::function<void(stream_end&)> on_accepted;
};

struct connecting final : connect_events {
  void connected(std::unique_ptr<channel> stream) noexcept override {
    end = std::make_unique<stream_end>(std::move(stream));
  }
  void connect_failed(int error_number) noexcept override { failed = error_number; }
  bool over() const noexcept { return end != nullptr || failed != 0; }

  std::unique_ptr<stream_end> end;
  int failed = 0;
};

enum class kind { epoll, uring, memory };
enum class family { tcp, local };

// A directory that is gone afterwards.
class scratch_directory {
 public:
  scratch_directory() {
    std::string name = (std::filesystem::temp_directory_path() / "whorl_XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~scratch_directory() { std::filesystem::remove_all(path_); }
  scratch_directory(const scratch_directory&) = delete;
  scratch_directory& operator=(const scratch_directory&) = delete;

  std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

// A back end, and turns of it until something holds.
class turning_backend {
 public:
  explicit turning_backend(kind which) {
    if (which == kind::memory) {
      const auto seed = std::random_device{}();
      trace_.emplace(__FILE__, __LINE__, "seed " + std::to_string(seed));
      io_ = make_memory_backend(make_memory_network(seed));
      return;
    }
    auto made = which == kind::epoll ? make_epoll_backend() : make_uring_backend();
    if (made) {
      io_ = std::move(*made);
    } else {
      EXPECT_TRUE(made.error().is(errc::unsupported)) << made.error().what();
    }
  }
  bool usable() const noexcept { return io_ != nullptr; }
  backend& io() { return *io_; }

  testing::AssertionResult turn_until(const std::function<bool()>& holds) {
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!holds()) {
      if (std::chrono::steady_clock::now() > give_up) {
        return testing::AssertionFailure() << "it did not happen within 30 s";
      }
      io_->turn(io_->now() + std::chrono::milliseconds(100));
    }
    return testing::AssertionSuccess();
  }

  // Turns until nothing has happened for a while: what was not told by then will not be.
  void settle() {
    for (int turn = 0; turn < 20; ++turn) {
      io_->turn(io_->now() + std::chrono::milliseconds(1));
    }
  }

 private:
  std::optional<testing::ScopedTrace> trace_;
  std::unique_ptr<backend> io_;
};

}  // namespace whorl
