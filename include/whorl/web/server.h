// A server answers HTTP/1.1 requests with handlers, one a route.
//
//     web::server site(loop);
//     site.get("/hello/{name}", [](web::request r) { return web::response::text("hello, " + r.parameter("name")); });
//     site.post("/jobs", submit);                      // deferred<web::response> submit(web::request), a coroutine
//     co_await site.listen("tcp:127.0.0.1:8080");
//
// A connection has one request handled at a time; what a client sends ahead waits, and beyond `pipelined_bytes` it is
// not even read. A slow or silent client holds up nobody: each phase of a connection has its limit, in server_options.
//
// Thread:   the loop's.
// Lifetime: destroying a server stops it at once: connections are aborted, handlers' deferreds dropped. See stop().
// Fails:    a handler that fails is answered with 500 and a JSON error; the failure is logged in full, and not sent.
// Cancel:   when the peer leaves (its connection breaks, or it ends its side while its request is handled), the
//           handler's deferred is cancelled with errc::connection_lost. A handler may go on all the same and finish;
//           its answer is sent if the peer still listens, and dropped otherwise.
#pragma once

#include <whorl/deferred/deferred.h>
#include <whorl/net/endpoint.h>
#include <whorl/protocols/http1_parser.h>
#include <whorl/web/embedded_file.h>
#include <whorl/web/request.h>
#include <whorl/web/response.h>

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace whorl {
class reactor;
}

namespace whorl::web {

struct server_options {
  http::message_limits limits;              // 414, 431, 413
  std::size_t connections = 20'000;         // more are answered 503 and closed
  std::size_t pipelined_bytes = 64 * 1024;  // input kept while a request is handled; then reading stops

  duration head_time = std::chrono::seconds(10);         // from its first byte (or from connecting) to its end; 408
  duration body_window = std::chrono::seconds(10);       // each one must bring
  std::size_t body_window_bytes = 4 * 1024;              // this much of a body, or its end; 408
  duration idle_time = std::chrono::seconds(60);         // between requests
  duration write_stall_time = std::chrono::seconds(30);  // a peer that takes nothing for so long is dropped
  duration stop_time = std::chrono::seconds(10);         // what stop() waits for connections to end

  duration heartbeat = std::chrono::seconds(15);  // a comment to idle subscribers of events
  std::size_t event_backlog_bytes = 1024 * 1024;  // a subscriber with more than this unread is dropped

  listen_options socket;
};

struct server_statistics {
  std::uint64_t connections_open = 0;
  std::uint64_t connections_accepted = 0;
  std::uint64_t connections_refused = 0;  // answered 503
  std::uint64_t requests = 0;
  std::uint64_t requests_refused = 0;  // by the parser or a time limit
  std::uint64_t handlers_failed = 0;
  std::uint64_t peers_left = 0;  // while their request was handled
};

class server {
 public:
  explicit server(reactor& loop, server_options options = server_options());
  ~server();
  server(const server&) = delete;
  server& operator=(const server&) = delete;

  using handler = std::move_only_function<deferred<response>(request)>;

  // `pattern` is a path whose segments may be {names}: "/jobs/{id}/result". A literal segment goes before a name.
  // HEAD is answered with the GET route. `handle` takes a request and returns a response or a deferred<response>.
  // Throws misuse for a pattern that does not begin with /, or a route that is there already.
  template <class Handle>
    requires std::invocable<Handle&, request>
  server& route(std::string_view method, std::string_view pattern, Handle handle) {
    if constexpr (std::same_as<std::invoke_result_t<Handle&, request>, response>) {
      add_route(method, pattern,
                [handle = std::move(handle)](request r) mutable { return succeed(std::invoke(handle, std::move(r))); });
    } else {
      add_route(method, pattern, std::move(handle));
    }
    return *this;
  }
  template <class Handle>
  server& get(std::string_view pattern, Handle handle) {
    return route("GET", pattern, std::move(handle));
  }
  template <class Handle>
  server& post(std::string_view pattern, Handle handle) {
    return route("POST", pattern, std::move(handle));
  }

  // Serves embedded files under a prefix that ends in "/"; its index.html also as the prefix itself. With ETag, and
  // 304 (Not Modified) where the client has the file.
  server& files(std::string_view prefix, std::span<const embedded_file> files);

  // Called with every request before its route; a response it gives is the answer. For a check of Host or Origin.
  using gate = std::move_only_function<std::optional<response>(const request&)>;
  server& check(gate every_request);

  // Listens at an endpoint (endpoint.h). May be called for several.
  // Fails: as whorl::listen.
  deferred<void> listen(std::string endpoint);

  // Of the endpoint listened at first; with the port that the kernel chose.
  address local_address() const;

  // Stops listening, closes idle connections and event streams, lets running requests finish, and fires when all
  // connections have ended; those that take longer than `stop_time` are aborted.
  // Cancel: aborts them at once.
  deferred<void> stop();

  const server_statistics& statistics() const noexcept;

  struct state;

 private:
  void add_route(std::string_view method, std::string_view pattern, handler handle);

  std::shared_ptr<state> state_;
};

}  // namespace whorl::web
