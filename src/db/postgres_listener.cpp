#include <whorl/db/postgres_listener.h>

#include "db/postgres_session.h"

#include <whorl/deferred/queue.h>
#include <whorl/reactor/within.h>

#include <algorithm>
#include <chrono>
#include <utility>

namespace whorl::db {

namespace {

constexpr duration first_pause = std::chrono::milliseconds(50);
constexpr duration longest_pause = std::chrono::seconds(2);

std::string quoted(const std::string& name) {
  std::string text = "\"";
  for (const char each : name) {
    text += each == '"' ? "\"\"" : std::string(1, each);
  }
  return text + '"';
}

}  // namespace

struct postgres_listener::state {
  using news = result<std::optional<notification>>;

  state(reactor& of, std::string where, std::vector<std::string> which, postgres_options how)
      : loop(of), conninfo(std::move(where)), channels(std::move(which)), options(how) {}

  reactor& loop;
  const std::string conninfo;
  const std::vector<std::string> channels;
  const postgres_options options;
  queue<news> heard;
  event listening;
  event stopping;
  std::shared_ptr<detail::postgres_wire> wire;
};

postgres_listener::postgres_listener(reactor& loop, std::string conninfo, std::vector<std::string> channels,
                                     postgres_options options)
    : state_(std::make_shared<state>(loop, std::move(conninfo), std::move(channels), options)) {
  listen_for_ever(state_).detach();
}

postgres_listener::~postgres_listener() {
  state_->stopping.set();
  state_->heard.close();
  if (const auto wire = state_->wire) {
    wire->close();
  }
}

deferred<void> postgres_listener::listening() { return state_->listening.wait(); }

deferred<std::optional<notification>> postgres_listener::next() {
  return state_->heard.get().add_callback([](state::news heard) { return heard; });
}

deferred<void> postgres_listener::listen_for_ever(std::shared_ptr<state> on) {
  const auto kind = postgres(on->conninfo, on->options);
  duration pause = first_pause;
  while (!on->stopping.is_set()) {
    auto how = co_await listen_once(on).result();
    if (how) {
      pause = first_pause;
    } else if (!kind->worth_another_try(how.error())) {
      [[maybe_unused]] const auto told = on->heard.try_put(std::unexpected(how.error()));
      co_return;
    }
    [[maybe_unused]] auto woken = co_await within(on->loop, on->stopping.wait(), pause).result();
    pause = std::min(2 * pause, longest_pause);
  }
}

// Fires when the connection is gone again.
deferred<void> postgres_listener::listen_once(std::shared_ptr<state> on) {
  auto connected = co_await detail::connect_postgres(on->loop, on->conninfo, on->options.longest_connect);
  on->wire = std::make_shared<detail::postgres_wire>(on->loop, std::move(connected), on->options);
  on->wire->on_notification([to = std::weak_ptr(on)](const PGnotify& told) {
    if (const auto listener = to.lock()) {
      [[maybe_unused]] const auto put = listener->heard.try_put(notification{told.relname, told.extra});
    }
  });
  on->wire->start();
  detail::postgres_session session(on->wire);
  for (const std::string& channel : on->channels) {
    auto statement_text = make_statement("LISTEN " + quoted(channel));
    co_await session.query(std::move(statement_text));
  }
  if (on->listening.is_set()) {
    [[maybe_unused]] const auto put = on->heard.try_put(std::nullopt);
  }
  on->listening.set();
  co_await on->wire->gone();
}

}  // namespace whorl::db
