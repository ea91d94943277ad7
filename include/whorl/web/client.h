// A small HTTP/1.1 client: one request a connection.
//
//     auto answer = co_await web::fetch(loop, "http://127.0.0.1:8080/health");           // the whole response
//     auto events = co_await web::open(loop, "http://127.0.0.1:8080/events");            // or its body in pieces
//     std::string piece = co_await events.read();
//
// A URL's host is an address, or localhost: names are not resolved yet. "http+unix:/run/x.sock:/path" asks a UNIX socket.
//
// Thread: the loop's.
// Fails:  errc::bad_input for a URL or a method that cannot be; errc::timed_out; errc::too_large for a body beyond the
//         limit; the errors of connect and of the connection. A status of 400 or more is no failure.
// Cancel: aborts the connection. A read that is cancelled loses no bytes.
#pragma once

#include <whorl/deferred/deferred.h>
#include <whorl/protocols/http1_parser.h>
#include <whorl/reactor/time.h>

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace whorl {
class reactor;
}

namespace whorl::web {

struct client_request {
  std::string method = "GET";
  http::headers headers;  // Host, Content-Length and Connection are added
  std::string body;
  duration time_limit = std::chrono::seconds(30);   // for fetch: all of it; for open: until the head is there
  std::size_t body_limit_bytes = 64 * 1024 * 1024;  // for fetch
};

struct client_response {
  int status = 0;
  http::headers headers;
  std::string body;
};

deferred<client_response> fetch(reactor& loop, std::string url, client_request request = client_request());

// A response whose body is still arriving. Dropping it closes the connection.
class open_response {
 public:
  open_response(open_response&&) noexcept;
  open_response& operator=(open_response&&) noexcept;
  ~open_response();

  int status() const noexcept;
  const http::headers& headers() const noexcept;

  // The next bytes of the body, chunking undone; empty at its end. One read at a time.
  // Fails: errc::connection_lost if the connection ends before the body does.
  deferred<std::string> read();

  struct state;
  explicit open_response(std::shared_ptr<state> state) noexcept;

 private:
  std::shared_ptr<state> state_;
};

deferred<open_response> open(reactor& loop, std::string url, client_request request = client_request());

}  // namespace whorl::web
