// A stream is a connection that is pulled: co_await s.read() and co_await s.write(...), instead of events.
//
// Thread:   the loop's.
// Lifetime: dropping a stream loses its connection in order: what was written is still sent. The connection belongs to
//           the loop; a stream whose loop has gone fails with connection_lost.
// Fails:    reads and writes fail with the reason of the connection's loss, reads after the bytes that came before it.
//           The end of the peer's side is a value: an empty string. After it, writing still works, until close().
// Cancel:   a cancelled read loses no bytes: the next read gets them.
#pragma once

#include <whorl/deferred/deferred.h>
#include <whorl/reactor/backend.h>

#include <cstddef>
#include <memory>
#include <string>

namespace whorl {

class transport;

class stream {
 public:
  stream(stream&&) noexcept;
  stream& operator=(stream&&) noexcept;
  ~stream();

  // At least one byte and at most `most_bytes`, as soon as there are any; empty at the end of the peer's side. One read
  // at a time: a second throws misuse. While nobody reads, at most a buffer's worth is taken from the kernel.
  deferred<std::string> read(std::size_t most_bytes = 65536);
  // Exactly this many bytes. Fails: errc::connection_done if the peer ends before; the bytes can still be read.
  deferred<std::string> read_exactly(std::size_t bytes);
  // Up to and with `delimiter`. Fails: errc::too_large if it does not come within `most_bytes`, and
  // errc::connection_done if the peer ends before; the bytes can still be read.
  deferred<std::string> read_until(std::string delimiter, std::size_t most_bytes = 16384);

  // Queues the bytes, and fires when the unsent ones are below the high-water mark (at once, mostly). Order is kept.
  // Fails: errc::closed after close().
  // Cancel: stops the waiting, not the sending.
  deferred<void> write(std::string bytes);

  // Ends this side; reading goes on.
  void lose_write_connection();
  // Sends what is queued, closes, and fires when that is done: when the peer has ended its side too, see
  // transport::lose_connection.
  deferred<void> close();
  void abort();

  address local_address() const;
  address peer_address() const;

  struct state;
  explicit stream(std::shared_ptr<state> state) noexcept;

 private:
  std::shared_ptr<state> state_;
};

}  // namespace whorl
