// What a stream holds between two awaits, shared by the stream and the protocol that feeds it.
//
// Thread:   the loop's.
// Lifetime: ends when both the stream and its connection are gone; nobody waits any more by then.
#pragma once

#include <whorl/deferred/failure.h>
#include <whorl/net/protocol.h>
#include <whorl/net/stream.h>
#include <whorl/net/transport.h>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace whorl {

struct read_request {
  enum class kind { some, exactly, until };
  kind what = kind::some;
  std::size_t most_bytes = 0;  // of `exactly`: as many as that
  std::string delimiter;
  std::size_t searched = 0;  // the delimiter does not start before this
};

struct stream::state {
  explicit state(reactor& its_loop) noexcept : loop(its_loop) {}

  void connected(transport& to);
  void received(bytes_view bytes);
  void peer_has_ended();
  void lost(const failure& reason);
  void writing_resumed();

  deferred<std::string> read(read_request request);
  deferred<void> write(std::string bytes);
  void lose_write_connection();
  deferred<void> close();
  void lose_connection();
  void abort();

  // The bytes that were asked for, the reason why they never will come, or nothing yet.
  std::optional<outcome<std::string>> try_read(read_request& request);
  std::optional<std::size_t> bytes_for(read_request& request) const;
  failure why_unsatisfied(const read_request& request) const;
  std::string_view unread() const { return std::string_view(held).substr(taken); }
  std::string take(std::size_t bytes);
  void serve_reader();
  bool reader_waits() const { return reader && !reader->fired() && !reader->abandoned(); }
  void receive_what_is_wanted();

  reactor& loop;
  transport* connection = nullptr;  // nothing before connection_made and after connection_lost
  std::string held;                 // received, and from `taken` on not yet read
  std::size_t taken = 0;
  bool ended = false;        // nothing more will be received
  bool write_ended = false;  // nothing more may be written
  std::optional<failure> loss;
  read_request wanted;  // by the reader
  std::optional<promise<std::string>> reader;
  std::vector<promise<void>> writers;  // wait for the low-water mark
  std::vector<promise<void>> closers;  // wait for connection_lost
};

// Feeds a stream from a transport.
class stream_protocol : public protocol {
 public:
  explicit stream_protocol(std::shared_ptr<stream::state> state) noexcept : state_(std::move(state)) {}

  void connection_made(transport& connection) override { state_->connected(connection); }
  void data_received(bytes_view bytes) override { state_->received(bytes); }
  void read_connection_lost() override { state_->peer_has_ended(); }
  void connection_lost(const failure& reason) override { state_->lost(reason); }
  void writing_resumed() override { state_->writing_resumed(); }

 protected:
  const std::shared_ptr<stream::state>& state() const noexcept { return state_; }

 private:
  std::shared_ptr<stream::state> state_;
};

}  // namespace whorl
