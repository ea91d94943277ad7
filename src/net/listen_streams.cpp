#include "net/stream_state.h"

#include <whorl/deferred/log.h>
#include <whorl/net/endpoint.h>
#include <whorl/reactor/owned_by_loop.h>
#include <whorl/reactor/reactor.h>

#include <optional>
#include <utility>

namespace whorl {

namespace {

// One connection's coroutine, and what it needs to live: the function that it is the body of may own captures.
//
// Lifetime: owned by the loop, until the coroutine has ended or the loop stops.
class served_stream final : public owned_by_loop {
 public:
  served_stream(std::shared_ptr<stream_server> serve, std::shared_ptr<stream::state> state) noexcept
      : serve_(std::move(serve)), state_(std::move(state)) {}

  void start() {
    try {
      work_ = (*serve_)(stream(state_)).add_callbacks([this] { finished(); }, [this](failure why) { failed(why); });
    } catch (...) {
      failed(failure::current());
    }
  }

  void loop_stopping() noexcept override {
    work_.reset();
    finished();
  }

 private:
  void finished() noexcept { state_->loop.dispose(*this); }

  void failed(const failure& why) {
    const bool only_the_connection = why.check(errc::connection_done, errc::connection_lost, errc::connection_aborted);
    log(only_the_connection ? log_level::debug : log_level::error, "serving a stream failed; its connection is aborted",
        {{"failure", why.describe()}});
    state_->abort();
    finished();
  }

  std::shared_ptr<stream_server> serve_;
  std::shared_ptr<stream::state> state_;
  std::optional<deferred<void>> work_;
};

class served_stream_protocol final : public stream_protocol {
 public:
  served_stream_protocol(std::shared_ptr<stream_server> serve, std::shared_ptr<stream::state> state) noexcept
      : stream_protocol(std::move(state)), serve_(std::move(serve)) {}

  void connection_made(transport& connection) override {
    stream_protocol::connection_made(connection);
    connection.loop().adopt(std::make_unique<served_stream>(std::move(serve_), state()))->start();
  }

 private:
  std::shared_ptr<stream_server> serve_;
};

}  // namespace

deferred<port> listen_streams(reactor& loop, std::string description, stream_server serve, listen_options options) {
  auto shared = std::make_shared<stream_server>(std::move(serve));
  auto build = [&loop, shared](const address& /*peer*/) {
    return std::make_unique<served_stream_protocol>(shared, std::make_shared<stream::state>(loop));
  };
  return listen(loop, std::move(description), std::move(build), options);
}

}  // namespace whorl
