// An event_stream is the application's end of one subscriber to server-sent events: it pushes, the subscriber's page
// receives.
//
//     deferred<response> handler:  event_stream stream; subscribers.push_back(stream); return response::events(stream);
//     later:                       std::erase_if(subscribers, [&](auto& s) { return !s.push({.data = text}); });
//
// Thread:   the loop's.
// Lifetime: a handle; copies share the stream. It ends when close() is called or the last handle is gone, and when the
//           peer leaves or the server stops.
// Cost:     events to a peer that does not read pile up to `event_backlog_bytes` (server_options); then it is dropped.
// Source:   https://html.spec.whatwg.org/multipage/server-sent-events.html, section 9.2
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace whorl::web {

class http_connection;

struct event {
  std::string data;    // may have several lines
  std::string name{};  // empty: "message"
  std::string id{};    // empty: none; a page that reconnects sends it as Last-Event-ID
};

// As it goes over the wire. Throws misuse for a name or an id of more than one line.
std::string format(const event& what);

class event_stream {
 public:
  event_stream();

  // False when the subscriber is gone, and nothing was sent.
  bool push(const event& what) { return push_formatted(format(what)); }

  // For many subscribers: format(event) once, push it to all.
  bool push_formatted(std::string_view text);

  // Ends the stream in order.
  void close();

  bool open() const noexcept;

 private:
  friend class http_connection;
  struct state;
  std::shared_ptr<state> state_;
};

}  // namespace whorl::web
