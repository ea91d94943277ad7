#include <whorl/web/event_stream.h>

#include <whorl/deferred/error.h>

#include <utility>

#include "web/event_stream_state.h"

namespace whorl::web {

namespace {

constexpr std::size_t most_early_bytes = 1024 * 1024;

void append_field(std::string& out, std::string_view name, std::string_view value) {
  if (value.empty()) return;
  if (value.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos) {
    throw misuse("web::format: the " + std::string(name) +
                 " of an event has more than one line; put text into its data");
  }
  out.append(name).append(": ").append(value).append("\n");
}

}  // namespace

std::string format(const event& what) {
  std::string out;
  append_field(out, "id", what.id);
  append_field(out, "event", what.name);
  std::string_view rest = what.data;
  while (true) {
    const std::size_t end = rest.find_first_of("\r\n");
    out.append("data: ").append(rest.substr(0, end)).append("\n");
    if (end == std::string_view::npos) break;
    rest.remove_prefix(rest.substr(end).starts_with("\r\n") ? end + 2 : end + 1);
  }
  out.append("\n");
  return out;
}

bool event_stream::state::push(std::string_view text) {
  if (!open) return false;
  if (sink != nullptr) {
    open = sink->send_events(text);
    if (!open) sink = nullptr;
    return open;
  }
  open = early.size() + text.size() <= most_early_bytes;
  if (open) early.append(text);
  return open;
}

void event_stream::state::close() {
  open = false;
  if (sink != nullptr) std::exchange(sink, nullptr)->end_events();
}

void event_stream::state::attach(event_sink& to) {
  sink = &to;
  const bool was_open = std::exchange(open, true);
  if (!early.empty()) push(std::exchange(early, {}));
  if (!was_open) close();
}

void event_stream::state::detach() noexcept {
  open = false;
  sink = nullptr;
}

event_stream::event_stream() : state_(std::make_shared<state>()) {}
bool event_stream::push_formatted(std::string_view text) { return state_->push(text); }
void event_stream::close() { state_->close(); }
bool event_stream::open() const noexcept { return state_->open; }

}  // namespace whorl::web
