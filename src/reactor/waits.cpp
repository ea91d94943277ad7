// reactor::sleep, readable and writable: deferreds that the clock and descriptors fire.

#include <whorl/reactor/reactor.h>

namespace whorl {

namespace {

// Owned by its own delayed call: whoever cancels that, or runs it, ends this too.
struct sleeping : detail::framed {
  explicit sleeping(std::source_location at) : done([this] { wake_up.cancel(); }, at) {}

  promise<void> done;
  delayed_call wake_up;
};

// Owned by the loop, until the descriptor is ready or nobody waits any more.
class descriptor_wait final : public owned_by_loop, public watch_events, public detail::framed {
 public:
  descriptor_wait(reactor& loop, std::source_location at) : loop_(loop), done_([this] { loop_.dispose(*this); }, at) {}

  deferred<void> start(int fd, readiness what) {
    deferred<void> done = done_.get_deferred();
    auto watch = loop_.io().watch_once(fd, what, *this);
    if (watch) {
      watch_ = std::move(*watch);
    } else {
      finish(outcome<std::monostate>(std::unexpected(failure(watch.error()))));
    }
    return done;
  }

  void descriptor_ready() noexcept override { finish({}); }
  void loop_stopping() noexcept override {}

 private:
  void finish(outcome<std::monostate> how) {
    watch_.reset();
    loop_.dispose(*this);
    if (how) {
      done_.callback();
    } else {
      done_.errback(how.error());
    }
  }

  reactor& loop_;
  promise<void> done_;
  std::unique_ptr<watch> watch_;
};

}  // namespace

deferred<void> reactor::sleep(duration delay) {
  require_this_thread("sleep");
  auto started = std::make_unique<sleeping>(std::source_location::current());
  sleeping& here = *started;
  deferred<void> done = here.done.get_deferred();
  here.wake_up = call_later(delay, [owned = std::move(started)] {
    promise<void> fired = std::move(owned->done);
    fired.callback();
  });
  return done;
}

deferred<void> reactor::readable(int fd) {
  require_this_thread("readable");
  return adopt(std::make_unique<descriptor_wait>(*this, std::source_location::current()))
      ->start(fd, readiness::readable);
}

deferred<void> reactor::writable(int fd) {
  require_this_thread("writable");
  return adopt(std::make_unique<descriptor_wait>(*this, std::source_location::current()))
      ->start(fd, readiness::writable);
}

}  // namespace whorl
