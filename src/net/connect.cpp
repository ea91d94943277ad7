#include "net/stream_transport.h"

#include <whorl/net/endpoint.h>
#include <whorl/reactor/reactor.h>

#include <fmt/format.h>
#include <netinet/in.h>

#include <cerrno>
#include <utility>

namespace whorl {

namespace {

std::string_view connect_hint(int error_number) {
  switch (error_number) {
    case ECONNREFUSED: return "is a server listening there?";
    case ENOENT: return "there is no such socket: is the path right, and the server running?";
    case EACCES: return "this user may not write to the socket, or a firewall forbids it";
    case ETIMEDOUT: return "the host does not answer: is the address right, and no firewall between?";
    case ENETUNREACH:
    case EHOSTUNREACH: return "this host knows no way there: is the address right, and the network up?";
    case EMFILE:
    case ENFILE: return "no descriptors are left: raise the limit (ulimit -n)";
    case EADDRNOTAVAIL: return "no local port is left for this destination";
    default: return "";
  }
}

// Tries to connect, hands the connection over, and goes.
//
// Lifetime: owned by the loop. Dropping or cancelling the deferred takes the connector away at once; the rest follows
//           when the loop disposes of the attempt, because the promise must not die inside its canceller.
class connect_attempt final : public owned_by_loop, private connect_events {
 public:
  connect_attempt(reactor& loop, std::string description, std::unique_ptr<protocol> peer)
      : loop_(loop), description_(std::move(description)), peer_(std::move(peer)), done_([this] { give_up(); }) {}

  deferred<protocol*> start(const address& to) {
    connector_ = loop_.io().connect(to, *this);
    return done_.get_deferred();
  }

  void loop_stopping() noexcept override {
    give_up();
    done_.errback(error(errc::shutting_down, fmt::format("connect \"{}\": the loop has stopped", description_)));
  }

 private:
  void connected(std::unique_ptr<channel> stream) noexcept override {
    give_up();
    auto opened = stream_transport::open(loop_, std::move(stream), std::move(peer_));
    if (opened) {
      done_.callback(*opened);
    } else {
      done_.errback(std::move(opened.error()));
    }
  }

  void connect_failed(int error_number) noexcept override {
    give_up();
    done_.errback(error::system(error_number, fmt::format("connect \"{}\"", description_),
                                std::string(connect_hint(error_number))));
  }

  void give_up() noexcept {
    connector_.reset();
    loop_.dispose(*this);
  }

  reactor& loop_;
  std::string description_;
  std::unique_ptr<protocol> peer_;
  std::unique_ptr<connector> connector_;
  promise<protocol*> done_;
};

bool is_wildcard(const address& to) {
  switch (to.family()) {
    case AF_INET: return reinterpret_cast<const sockaddr_in*>(to.raw())->sin_addr.s_addr == htonl(INADDR_ANY);
    case AF_INET6: return IN6_IS_ADDR_UNSPECIFIED(&reinterpret_cast<const sockaddr_in6*>(to.raw())->sin6_addr);
    default: return false;
  }
}

error cannot_connect(std::string_view description, std::string_view why) {
  return error(errc::bad_input, fmt::format("connect \"{}\": {}", description, why));
}

}  // namespace

deferred<protocol*> detail::connect_protocol(reactor& loop, std::string description, std::unique_ptr<protocol> peer) {
  loop.require_this_thread("connect");
  const auto to = parse_endpoint(description);
  if (!to) return fail<protocol*>(to.error());
  if (is_wildcard(*to)) {
    return fail<protocol*>(cannot_connect(description, "the host is missing; write tcp:HOST:PORT"));
  }
  if (!peer) {
    return fail<protocol*>(cannot_connect(description, "there is no protocol to connect; give one that is not null"));
  }
  auto* attempt = loop.adopt(std::make_unique<connect_attempt>(loop, std::move(description), std::move(peer)));
  return attempt->start(*to);
}

}  // namespace whorl
