// A back end is how a loop meets the world: it waits for events and moves bytes. There are three: uring and epoll
// (kernel), and memory (no sockets, no threads, a virtual clock, a seeded order of events).
//
// The seam is made of whole operations on whole objects, a listener that accepts, a channel that carries bytes, so that
// each back end can use the best its kernel has: multishot receive into provided buffers, or try first and poll after.
//
// Thread:   everything belongs to the loop's thread, except backend::wake.
// Lifetime: channels, listeners and watches are owned by whoever asked for them, and die before the back end.
//           Destroying one stops its events at once, inside its own event too; what the kernel still holds of it (a
//           buffer being sent) lives on inside the back end until the kernel lets go.
// Fails:    events are noexcept; an errno is an int, 0 meaning none.
#pragma once

#include <whorl/deferred/error.h>
#include <whorl/deferred/this_thread.h>
#include <whorl/reactor/address.h>
#include <whorl/reactor/time.h>
#include <whorl/reactor/turn_record.h>
#include <whorl/reactor/unique_fd.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace whorl {

using bytes_view = std::span<const std::byte>;

// What happens to a stream of bytes. Nothing is called from inside a call to the channel.
class channel_events {
 public:
  // Lent until the call returns.
  virtual void bytes_received(bytes_view bytes) noexcept = 0;

  // No more will be received. 0: the peer ended its side in order.
  virtual void receive_ended(int error_number) noexcept = 0;

  // Some of what was written has gone to the kernel; channel::unsent_bytes() says what has not.
  virtual void bytes_sent() noexcept = 0;

  // What is unsent never will be.
  virtual void send_failed(int error_number) noexcept = 0;

 protected:
  ~channel_events() = default;
};

// A connected stream. It is idle until it has events and start_receiving() was called.
class channel {
 public:
  virtual ~channel() = default;  // closes

  virtual void set_events(channel_events& events) noexcept = 0;

  virtual void start_receiving() noexcept = 0;
  // No bytes_received follows until the next start_receiving(); what the kernel delivered already is kept for it.
  virtual void stop_receiving() noexcept = 0;

  // Queues bytes; they are gathered and sent when the loop's turn ends. The first copies, the second takes over.
  // Cost: an append; no system call.
  virtual void write(bytes_view bytes) = 0;
  virtual void write(std::string bytes) = 0;
  virtual std::size_t unsent_bytes() const noexcept = 0;

  // Ends this side's stream once everything unsent is sent; the peer then receives an end in order.
  virtual void shut_down_write() noexcept = 0;

  // From now on closing drops what is unsent and resets the connection (TCP RST).
  virtual void reset_on_close() noexcept = 0;

  virtual address local_address() const = 0;
  virtual address peer_address() const = 0;
};

class accept_events {
 public:
  virtual void accepted(std::unique_ptr<channel> stream) noexcept = 0;

  // The listener goes on: after an error that lasts (EMFILE), it closes the waiting peer with its spare descriptor and
  // tries again later (S95).
  virtual void accept_failed(int error_number) noexcept = 0;

 protected:
  ~accept_events() = default;
};

class listener {
 public:
  virtual ~listener() = default;
  virtual address local_address() const = 0;  // with the port that the kernel chose for port 0
};

class connect_events {
 public:
  // Exactly one of these, once, never from inside backend::connect (S94).
  virtual void connected(std::unique_ptr<channel> stream) noexcept = 0;
  virtual void connect_failed(int error_number) noexcept = 0;

 protected:
  ~connect_events() = default;
};

// An attempt to connect; destroying it gives the attempt up.
class connector {
 public:
  virtual ~connector() = default;
};

class watch_events {
 public:
  virtual void descriptor_ready() noexcept = 0;  // also on error or hang-up: the next read or write tells

 protected:
  ~watch_events() = default;
};

// Interest in one descriptor of the user's, once.
class watch {
 public:
  virtual ~watch() = default;
};

enum class readiness : std::uint8_t { readable, writable };

struct listen_options {
  int backlog = 1024;
  bool reuse_port = false;      // several loops on one port, one listener each (SO_REUSEPORT)
  std::uint32_t unix_mode = 0;  // permission bits of a UNIX socket's file; 0 leaves them to the umask
};

class backend {
 public:
  virtual ~backend() = default;

  virtual std::string_view name() const noexcept = 0;
  virtual time_point now() const noexcept = 0;

  // Fails: the kernel's error for socket, bind or listen, with a hint where there is one.
  virtual result<std::unique_ptr<listener>> listen(const address& at, const listen_options& options,
                                                   accept_events& events) = 0;
  virtual std::unique_ptr<connector> connect(const address& to, connect_events& events) = 0;
  // Fails: errc::unsupported on the memory back end.
  virtual result<std::unique_ptr<watch>> watch_once(int fd, readiness what, watch_events& events) = 0;

  // Flushes what was written, waits for events until `until` (nothing: without limit; a time that has passed: not at
  // all), and delivers those that are there, within a budget a channel (S78). Returns early after wake().
  virtual void turn(std::optional<time_point> until) noexcept = 0;

  // Ends the wait that is underway, or the next one. Thread: any, and signal handlers.
  virtual void wake() noexcept = 0;

  // True for the memory back end: its time is virtual, and several of its loops may share a thread.
  virtual bool simulated() const noexcept { return false; }

  // How long the last turn() waited, which its statistics leave out.
  duration waited() const noexcept { return waited_; }

  turn_record& record() noexcept { return record_; }

 protected:
  backend() = default;
  backend(const backend&) = delete;
  backend& operator=(const backend&) = delete;

  // Each back end says so before it may sleep, and when that has ended.
  void rests() noexcept { record_.rests(); }
  void woke_at(time_point woken, time_point began) noexcept {
    record_.works();
    waited_ = woken - began;
    detail::this_thread.now = woken.time_since_epoch().count();
  }

  duration waited_{};

 private:
  turn_record record_;
};

// Fails: errc::unsupported where the kernel or a container forbids io_uring.
result<std::unique_ptr<backend>> make_uring_backend();
result<std::unique_ptr<backend>> make_epoll_backend();

// The memory back end's streams are pipes inside the process: one network, which several loops on one thread may
// share. `seed` chooses among the legal orders of events.
class memory_network;
std::shared_ptr<memory_network> make_memory_network(std::uint64_t seed);
std::unique_ptr<backend> make_memory_backend(std::shared_ptr<memory_network> network);

}  // namespace whorl
