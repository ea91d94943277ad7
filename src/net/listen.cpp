#include "net/stream_transport.h"

#include <whorl/deferred/log.h>
#include <whorl/net/endpoint.h>
#include <whorl/reactor/reactor.h>

#include <system_error>
#include <utility>

namespace whorl {

namespace {

// Out of descriptors, a listener fails with every peer that waits; one line a second says enough.
constexpr duration between_complaints = std::chrono::seconds(1);

// Stands in for a protocol where the factory built none.
class refusal final : public protocol {
  void connection_made(transport& connection) override { connection.lose_connection(); }
  void data_received(bytes_view /*bytes*/) override {}
};

}  // namespace

struct port::state final : accept_events, std::enable_shared_from_this<state> {
  state(reactor& its_loop, factory its_build) : loop(its_loop), build(std::move(its_build)) {}

  void accepted(std::unique_ptr<channel> stream) noexcept override {
    const auto alive = shared_from_this();  // the factory may drop the port
    try {
      auto peer = build(stream->peer_address());
      if (!peer) {
        peer = std::make_unique<refusal>();
      }
      std::ignore = stream_transport::open(loop, std::move(stream), std::move(peer));
    } catch (...) {
      log(log_level::error, "a factory threw; the connection is refused", {{"failure", failure::current().describe()}});
    }
  }

  void accept_failed(int error_number) noexcept override {
    if (loop.now() < quiet_until) return;
    quiet_until = loop.now() + between_complaints;
    log(log_level::warning, "a connection could not be accepted",
        {{"port", listening->local_address().to_string()}, {"why", std::system_category().message(error_number)}});
  }

  reactor& loop;
  factory build;
  std::unique_ptr<listener> listening;
  time_point quiet_until{};
};

port::port(std::shared_ptr<state> state) noexcept : state_(std::move(state)) {}
port::port(port&&) noexcept = default;

port& port::operator=(port&& other) noexcept {
  if (this != &other) {
    stop_listening();
    state_ = std::move(other.state_);
  }
  return *this;
}

port::~port() { stop_listening(); }

address port::local_address() const { return state_ ? state_->listening->local_address() : address(); }

void port::stop_listening() noexcept {
  if (state_) {
    state_->loop.require_this_thread("port::stop_listening");
    state_->listening.reset();
    state_.reset();
  }
}

deferred<port> listen(reactor& loop, std::string description, factory build, listen_options options) {
  loop.require_this_thread("listen");
  const auto at = parse_endpoint(description);
  if (!at) return fail<port>(at.error());
  auto state = std::make_shared<port::state>(loop, std::move(build));
  auto listening = loop.io().listen(*at, options, *state);
  if (!listening) return fail<port>(listening.error());
  state->listening = std::move(*listening);
  return succeed(port(std::move(state)));
}

}  // namespace whorl
