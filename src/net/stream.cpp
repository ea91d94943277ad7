#include "net/stream_state.h"

#include <whorl/net/endpoint.h>
#include <whorl/reactor/reactor.h>

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace whorl {

namespace {

// How much is kept for a stream that nobody reads.
constexpr std::size_t held_bytes = 65536;

// Copies of a failure share the awaits that they came through, so each waiter gets one of its own.
failure anew(const failure& why) { return why.error(); }

void fire_all(std::vector<promise<void>> waiting, const failure* why) {
  for (auto& waiter : waiting) {
    if (why == nullptr) {
      waiter.callback();
    } else {
      waiter.errback(anew(*why));
    }
  }
}

}  // namespace

void stream::state::connected(transport& to) { connection = &to; }

void stream::state::received(bytes_view bytes) {
  held.erase(0, std::exchange(taken, 0));
  held.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  serve_reader();
  receive_what_is_wanted();
}

void stream::state::peer_has_ended() {
  ended = true;
  serve_reader();
}

void stream::state::lost(const failure& reason) {
  connection = nullptr;
  ended = true;
  loss = reason;
  serve_reader();
  fire_all(std::exchange(writers, {}), &reason);
  fire_all(std::exchange(closers, {}), reason.check(errc::connection_done) ? nullptr : &reason);
}

void stream::state::writing_resumed() { fire_all(std::exchange(writers, {}), nullptr); }

deferred<std::string> stream::state::read(read_request request) {
  loop.require_this_thread("stream::read");
  if (reader_waits()) {
    throw misuse("a stream is read twice at the same time: wait for the first read, or cancel it, before the next");
  }
  auto at_once = try_read(request);
  reader.emplace();
  auto pending = reader->get_deferred();
  wanted = std::move(request);
  if (at_once && *at_once) {
    reader->callback(std::move(**at_once));
  } else if (at_once) {
    reader->errback(std::move(at_once->error()));
  }
  receive_what_is_wanted();
  return pending;
}

std::optional<outcome<std::string>> stream::state::try_read(read_request& request) {
  if (const auto bytes = bytes_for(request)) {
    return take(*bytes);
  }
  if (request.what == read_request::kind::until && unread().size() >= request.most_bytes) {
    return std::unexpected(failure(error(
        errc::too_large, fmt::format("read_until: the delimiter did not come within {} bytes", request.most_bytes))));
  }
  if (!ended) {
    return std::nullopt;
  }
  if (request.what == read_request::kind::some && (!loss || loss->check(errc::connection_done))) {
    return std::string();
  }
  return std::unexpected(why_unsatisfied(request));
}

std::optional<std::size_t> stream::state::bytes_for(read_request& request) const {
  const std::string_view there = unread();
  switch (request.what) {
    case read_request::kind::some:
      if (!there.empty()) return std::min(there.size(), request.most_bytes);
      break;
    case read_request::kind::exactly:
      if (there.size() >= request.most_bytes) return request.most_bytes;
      break;
    case read_request::kind::until: {
      const std::size_t found = there.find(request.delimiter, request.searched);
      if (found == std::string_view::npos) {
        request.searched = there.size() - std::min(there.size(), request.delimiter.size() - 1);
      } else if (found + request.delimiter.size() <= request.most_bytes) {
        return found + request.delimiter.size();
      }
      break;
    }
  }
  return std::nullopt;
}

failure stream::state::why_unsatisfied(const read_request& request) const {
  if (loss && !loss->check(errc::connection_done)) {
    return anew(*loss);
  }
  const std::string asked = request.what == read_request::kind::exactly
                                ? fmt::format("read_exactly: {} bytes were asked for", request.most_bytes)
                                : std::string("read_until: the delimiter was not there");
  return error(errc::connection_done, fmt::format("{} when the peer ended its side after {} bytes; read() gives those",
                                                  asked, unread().size()));
}

std::string stream::state::take(std::size_t bytes) {
  if (taken == 0 && bytes == held.size()) {
    return std::exchange(held, {});
  }
  std::string part = held.substr(taken, bytes);
  taken += bytes;
  if (taken == held.size()) {
    held = {};
    taken = 0;
  }
  return part;
}

void stream::state::serve_reader() {
  if (!reader_waits()) return;
  auto done = try_read(wanted);
  if (!done) return;
  promise<std::string> served = std::move(*reader);
  reader.reset();
  if (*done) {
    served.callback(std::move(**done));
  } else {
    served.errback(std::move(done->error()));
  }
}

void stream::state::receive_what_is_wanted() {
  if (connection == nullptr) return;
  const std::size_t room = reader_waits() ? std::max(held_bytes, wanted.most_bytes) : held_bytes;
  if (unread().size() < room) {
    connection->resume_producing();
  } else {
    connection->pause_producing();
  }
}

deferred<void> stream::state::write(std::string bytes) {
  loop.require_this_thread("stream::write");
  if (loss) return fail<void>(anew(*loss));
  if (write_ended)
    return fail<void>(error(errc::closed, "stream::write after this side was closed: write before that"));
  connection->write(std::move(bytes));
  if (connection->unsent_bytes() < water_marks().high_bytes) return succeed();
  return writers.emplace_back().get_deferred();
}

void stream::state::lose_write_connection() {
  loop.require_this_thread("stream::lose_write_connection");
  write_ended = true;
  if (connection != nullptr) connection->lose_write_connection();
}

deferred<void> stream::state::close() {
  lose_connection();
  if (connection == nullptr) return succeed();
  return closers.emplace_back().get_deferred();
}

void stream::state::lose_connection() {
  loop.require_this_thread("stream::close");
  write_ended = true;
  if (connection != nullptr) connection->lose_connection();
}

void stream::state::abort() {
  loop.require_this_thread("stream::abort");
  write_ended = true;
  if (connection != nullptr) connection->abort_connection();
}

stream::stream(std::shared_ptr<state> state) noexcept : state_(std::move(state)) {}
stream::stream(stream&&) noexcept = default;

stream& stream::operator=(stream&& other) noexcept {
  stream(std::move(other)).state_.swap(state_);
  return *this;
}

stream::~stream() {
  if (state_) state_->lose_connection();
}

deferred<std::string> stream::read(std::size_t most_bytes) {
  if (most_bytes == 0) throw misuse("read(0) could not tell no bytes from the end of the stream: ask for at least one");
  return state_->read({.what = read_request::kind::some, .most_bytes = most_bytes, .delimiter = {}});
}

deferred<std::string> stream::read_exactly(std::size_t bytes) {
  return state_->read({.what = read_request::kind::exactly, .most_bytes = bytes, .delimiter = {}});
}

deferred<std::string> stream::read_until(std::string delimiter, std::size_t most_bytes) {
  if (delimiter.empty()) throw misuse("read_until an empty delimiter: every position is one; give at least one byte");
  return state_->read({.what = read_request::kind::until, .most_bytes = most_bytes, .delimiter = std::move(delimiter)});
}

deferred<void> stream::write(std::string bytes) { return state_->write(std::move(bytes)); }
void stream::lose_write_connection() { state_->lose_write_connection(); }
deferred<void> stream::close() { return state_->close(); }
void stream::abort() { state_->abort(); }

address stream::local_address() const {
  return state_->connection == nullptr ? address() : state_->connection->local_address();
}
address stream::peer_address() const {
  return state_->connection == nullptr ? address() : state_->connection->peer_address();
}

deferred<stream> connect(reactor& loop, std::string description) {
  auto state = std::make_shared<stream::state>(loop);
  auto peer = std::make_unique<stream_protocol>(state);
  return connect(loop, std::move(description), std::move(peer)).add_callback([state](stream_protocol* /*fed*/) {
    return stream(state);
  });
}

}  // namespace whorl
