// error: the first argument after the function may not cross to another thread: it belongs to a loop (as reactor, transport, stream, port and delayed_call do) and is used on that loop's thread only
#include <whorl/net/stream.h>
#include <whorl/places/defer_to.h>

void hang_up(whorl::stream connection) { connection.abort(); }

whorl::deferred<void> use(whorl::thread_pool& pool, whorl::stream connection) {
  co_await whorl::defer_to(pool, hang_up, std::move(connection));
}
