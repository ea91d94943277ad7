// Where to listen and where to connect is data: an endpoint description such as "tcp:8080", "tcp:127.0.0.1:8080",
// "tcp:[::1]:8080", "tcp:port=8080:interface=127.0.0.1", "unix:/run/whorl.sock" (S110).
//
//     auto port = co_await listen(loop, "tcp:8080", [](const address&) { return std::make_unique<echo>(); });
//     auto s = co_await connect(loop, "tcp:127.0.0.1:8080");
//
// A description is a type and fields, with colons between. A field may be key=value. A backslash takes the meaning from
// the sign after it; brackets at the start of a value do so for all that they enclose: tcp:[::1]:80 is tcp:\:\:1:80.
//
// Thread: the loop's.
// Fails:  errc::bad_input with a hint for a description that cannot be parsed; the kernel's error, with the endpoint's
//         name, for what the network does. Always through the deferred, never by a throw (S94).
#pragma once

#include <whorl/deferred/deferred.h>
#include <whorl/net/protocol.h>
#include <whorl/net/stream.h>
#include <whorl/net/transport.h>

#include <concepts>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace whorl {

class reactor;

// Parses a description. "tcp:8080" listens on every IPv4 address; to connect, the host may not be missing.
// Fails: errc::bad_input, naming what is wrong and the form that would be right.
result<address> parse_endpoint(std::string_view description);

// A value as it stands in a description, with backslashes where they are needed: "unix:" + quote_endpoint_field(path).
std::string quote_endpoint_field(std::string_view value);

// A listening port. Dropping it stops the listening at once, and destroys the factory; connections that were accepted
// live on, owned by the loop (S93), which ends them with connection_lost when it stops.
class [[nodiscard]] port {
 public:
  port(port&&) noexcept;
  port& operator=(port&&) noexcept;
  ~port();

  address local_address() const;   // with the port that the kernel chose for tcp port 0; of nothing after stopping
  void stop_listening() noexcept;  // the same as dropping it

 private:
  friend deferred<port> listen(reactor&, std::string, factory, listen_options);
  struct state;
  explicit port(std::shared_ptr<state> state) noexcept;
  std::shared_ptr<state> state_;
};

deferred<port> listen(reactor& loop, std::string description, factory build, listen_options options = listen_options());

namespace detail {
deferred<protocol*> connect_protocol(reactor& loop, std::string description, std::unique_ptr<protocol> peer);
}

// Connects a protocol. Fires when connection_made has run; the protocol stays owned by its transport, so the pointer is
// good until connection_lost.
// Fails:  also with what connection_made threw, and with errc::bad_input for no protocol (S92).
// Cancel: gives the attempt up (S111).
template <std::derived_from<protocol> Protocol>
deferred<Protocol*> connect(reactor& loop, std::string description, std::unique_ptr<Protocol> peer) {
  return detail::connect_protocol(loop, std::move(description), std::move(peer)).add_callback([](protocol* connected) {
    return static_cast<Protocol*>(connected);
  });
}

// Connects a stream, to read and write with co_await.
// Cancel: gives the attempt up.
deferred<stream> connect(reactor& loop, std::string description);

// Serves every connection with a coroutine of its own: serve(stream) -> deferred<void>. A failure of it is logged, and
// aborts its connection. A connection that is lost is told to the coroutine by its next read or write, and nothing else
// ends it but the loop: when that stops, what is underway is dropped.
using stream_server = std::move_only_function<deferred<void>(stream)>;
deferred<port> listen_streams(reactor& loop, std::string description, stream_server serve,
                              listen_options options = listen_options());

}  // namespace whorl
