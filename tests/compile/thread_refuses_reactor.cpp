// error: the first argument after the function may not cross to another thread: it belongs to a loop (as reactor, transport, stream, port and delayed_call do) and is used on that loop's thread only
#include <whorl/places/defer_to.h>
#include <whorl/reactor/reactor.h>

void stop(whorl::reactor& loop) { loop.stop(); }

whorl::deferred<void> use(whorl::thread_pool& pool, whorl::reactor& loop) {
  co_await whorl::defer_to(pool, stop, loop);
}
