// What the handles of one event stream share, and how it reaches its connection.
#pragma once

#include <whorl/web/event_stream.h>

#include <string>
#include <string_view>

namespace whorl::web {

class event_sink {
 public:
  // False: the peer does not keep up, and is dropped.
  virtual bool send_events(std::string_view text) = 0;
  // The stream has ended, and knows the sink no more.
  virtual void end_events() = 0;

 protected:
  ~event_sink() = default;
};

struct event_stream::state {
  state() = default;
  state(const state&) = delete;
  state& operator=(const state&) = delete;
  ~state() { close(); }

  bool push(std::string_view text);
  void close();
  void attach(event_sink& to);
  void detach() noexcept;

  event_sink* sink = nullptr;
  std::string early;  // pushed before the response was on its way
  bool open = true;
};

}  // namespace whorl::web
