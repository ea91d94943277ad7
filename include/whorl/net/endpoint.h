// Where to listen and where to connect is data: an endpoint description such as "tcp:8080", "tcp:127.0.0.1:8080",
// "tcp:[::1]:8080", "tcp:port=8080:interface=127.0.0.1", "unix:/run/whorl.sock" (S110).
//
//     auto port = co_await listen(loop, "tcp:8080", [](const address&) { return std::make_unique<echo>(); });
//     auto s = co_await connect(loop, "tcp:127.0.0.1:8080");
//
// Thread: the loop's.
// Fails:  errc::bad_input with a hint for a description that cannot be parsed; the kernel's error, with the endpoint's
//         name, for what the network does. Always through the deferred, never by a throw (S94).
#pragma once

#include <whorl/deferred/deferred.h>
#include <whorl/net/protocol.h>
#include <whorl/net/stream.h>
#include <whorl/net/transport.h>

#include <memory>
#include <string>
#include <string_view>

namespace whorl {

class reactor;

// Parses a description. "tcp:8080" listens on every IPv4 address; to connect, the host may not be missing.
result<address> parse_endpoint(std::string_view description);

// A listening port. Dropping it stops the listening at once; connections that were accepted live on, owned by the loop
// (S93). When the loop is destroyed they end with connection_lost.
class [[nodiscard]] port {
 public:
  port(port&&) noexcept;
  port& operator=(port&&) noexcept;
  ~port();

  address local_address() const;         // with the port that the kernel chose for tcp port 0
  void stop_listening() noexcept;        // the same as dropping it

 private:
  friend deferred<port> listen(reactor&, std::string, factory, listen_options);
  struct state;
  explicit port(std::unique_ptr<state> state) noexcept;
  std::unique_ptr<state> state_;
};

deferred<port> listen(reactor& loop, std::string description, factory build, listen_options options = {});

// Connects a protocol. Fires when connection_made has run; the protocol stays owned by its transport, so the pointer is
// good until connection_lost.
// Cancel: gives the attempt up (S111).
template <class Protocol>
deferred<Protocol*> connect(reactor& loop, std::string description, std::unique_ptr<Protocol> peer);

// Connects a stream, to read and write with co_await.
// Cancel: gives the attempt up.
deferred<stream> connect(reactor& loop, std::string description);

// Serves every connection with a coroutine of its own: serve(stream) -> deferred<void>. A failure of it is logged, and
// aborts its connection.
deferred<port> listen_streams(reactor& loop, std::string description,
                              std::move_only_function<deferred<void>(stream)> serve, listen_options options = {});

}  // namespace whorl
