// A protocol is what a program makes of one connection's bytes: it is pushed events, in the past tense, and answers
// through its transport.
//
// Thread:   everything is called on the loop's thread, never from inside a call that the protocol makes.
// Lifetime: owned by its transport; both are destroyed right after connection_lost returned (S96). The factory that
//           built it may die earlier.
// Fails:    an exception from any event is logged and ends this connection with it as the reason (S86).
#pragma once

#include <whorl/deferred/failure.h>
#include <whorl/reactor/backend.h>

#include <functional>
#include <memory>

namespace whorl {

class transport;

class protocol {
 public:
  protocol() = default;
  protocol(const protocol&) = delete;
  protocol& operator=(const protocol&) = delete;
  virtual ~protocol() = default;

  // Exactly once, before everything else (S79). The transport lives as long as the protocol.
  virtual void connection_made(transport& connection) = 0;

  // Some bytes, in order, in chunks of any size. Lent until the call returns.
  virtual void data_received(bytes_view bytes) = 0;

  // The peer has ended its side. The default ends the connection in order; a protocol that goes on writing overrides
  // it, and calls lose_connection() itself in the end (S87).
  virtual void read_connection_lost();

  // What was written before lose_write_connection() has been sent, and this side has ended (S88).
  virtual void write_connection_lost() {}

  // Exactly once, last (S79), and never from inside a call to the transport (S89). Reasons: connection_done for an end
  // in order from either side, connection_aborted for our abort, connection_lost for errors and shutdown, or what broke
  // the connection (S80).
  virtual void connection_lost(const failure& reason);

  // The transport holds as many unsent bytes as its high-water mark; stop writing until writing_resumed (S97b). Both
  // come in turns, and later than the write that caused them: who writes much in one event compares
  // transport::unsent_bytes() with the mark before each write, stops, and goes on at writing_resumed.
  virtual void writing_paused() {}
  virtual void writing_resumed() {}

 private:
  friend class stream_transport;
  transport* transport_ = nullptr;
};

// Builds the protocol of each new connection; nothing (null) refuses it politely (S92).
using factory = std::move_only_function<std::unique_ptr<protocol>(const address& peer)>;

}  // namespace whorl
