#include <whorl/web/server.h>

#include <whorl/protocols/http1_writer.h>

#include <algorithm>
#include <utility>

#include "web/http_connection.h"
#include "web/server_state.h"

namespace whorl::web {

namespace {

constexpr duration linger_of_refused = std::chrono::seconds(1);

// Stands in for a connection where there are as many as there may be.
class refused_connection final : public protocol {
  void connection_made(transport& connection) override {
    const std::string_view body =
        "{\"error\": \"the server has as many connections as it can serve\", \"hint\": \"try again later\"}\n";
    http::headers headers;
    headers.add("Content-Type", "application/json");
    headers.add("Content-Length", std::to_string(body.size()));
    headers.add("Connection", "close");
    headers.add("Retry-After", "1");
    std::string answer;
    http::append_response_head(answer, 503, headers);
    connection.write(answer.append(body));
    connection.lose_connection(linger_of_refused);
  }
  void data_received(bytes_view /*bytes*/) override {}
};

bool has_tag(std::string_view if_none_match, std::string_view etag) {
  bool found = false;
  http::for_each_member(if_none_match, [&](std::string_view tag) {
    found = found || tag == etag || tag == "*" || (tag.starts_with("W/") && tag.substr(2) == etag);
  });
  return found;
}

response embedded_response(const request& asked, const embedded_file& file) {
  if (has_tag(asked.header("If-None-Match"), file.etag)) {
    return response(304).with_header("ETag", file.etag).with_header("Cache-Control", "no-cache");
  }
  return response::lasting(file.content_type, file.content)
      .with_page_security()
      .with_header("ETag", file.etag)
      .with_header("Cache-Control", "no-cache");
}

}  // namespace

std::unique_ptr<protocol> server::state::accept() {
  if (connections.size() >= options.connections) {
    ++statistics.connections_refused;
    return std::make_unique<refused_connection>();
  }
  return std::make_unique<http_connection>(shared_from_this());
}

void server::state::add(http_connection& opened) {
  opened.place_in_server = connections.size();
  connections.push_back(&opened);
  ++statistics.connections_accepted;
  statistics.connections_open = connections.size();
}

void server::state::remove(http_connection& lost) {
  connections[lost.place_in_server] = connections.back();
  connections[lost.place_in_server]->place_in_server = lost.place_in_server;
  connections.pop_back();
  statistics.connections_open = connections.size();
  if (stopping && connections.empty()) {
    stop_limit.cancel();
    for (promise<void>& waiting : std::exchange(waiting_for_stop, {})) {
      waiting.callback();
    }
  }
}

void server::state::leave_behind(std::unique_ptr<handling> left) {
  if (destroyed) return;
  handling& kept = *left;
  kept.connection = nullptr;
  left_behind.emplace(&kept, std::move(left));
  kept.cancel();
}

void server::state::forget(handling& finished) { left_behind.erase(&finished); }

void server::state::begin_stop() {
  if (std::exchange(stopping, true)) return;
  ports.clear();
  for (http_connection* each : std::vector(connections)) {
    each->finish_soon();
  }
  if (!connections.empty()) {
    stop_limit = loop.call_later(options.stop_time, [this] { abort_all(); });
  }
}

void server::state::abort_all() noexcept {
  for (http_connection* each : connections) {
    each->abort();
  }
}

server::server(reactor& loop, server_options options) : state_(std::make_shared<state>(loop, options)) {}

server::~server() {
  state_->destroyed = true;
  state_->stopping = true;
  state_->ports.clear();
  state_->stop_limit.cancel();
  state_->abort_all();
  state_->left_behind.clear();
  state_->waiting_for_stop.clear();
}

void server::add_route(std::string_view method, std::string_view pattern, handler handle) {
  state_->routes.add(method, pattern, std::move(handle));
}

server& server::files(std::string_view prefix, std::span<const embedded_file> files) {
  for (const embedded_file& file : files) {
    const auto serve = [&file](const request& asked) { return embedded_response(asked, file); };
    get(std::string(prefix) + std::string(file.path), serve);
    if (file.path == "index.html") get(prefix, serve);
  }
  return *this;
}

server& server::check(gate every_request) {
  state_->gates.push_back(std::move(every_request));
  return *this;
}

deferred<void> server::listen(std::string endpoint) {
  state* const shared = state_.get();
  auto listening = whorl::listen(
      shared->loop, std::move(endpoint), [shared](const address& /*peer*/) { return shared->accept(); },
      shared->options.socket);
  return std::move(listening).add_callback([shared](port opened) { shared->ports.push_back(std::move(opened)); });
}

address server::local_address() const {
  return state_->ports.empty() ? address() : state_->ports.front().local_address();
}

deferred<void> server::stop() {
  state_->begin_stop();
  if (state_->connections.empty()) return succeed();
  promise<void> stopped([shared = state_.get()] { shared->abort_all(); });
  deferred<void> waiting = stopped.get_deferred();
  state_->waiting_for_stop.push_back(std::move(stopped));
  return waiting;
}

const server_statistics& server::statistics() const noexcept { return state_->statistics; }

}  // namespace whorl::web
