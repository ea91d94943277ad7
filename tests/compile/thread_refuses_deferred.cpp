// error: the first argument after the function may not cross to another thread: it is a deferred or promise, which belongs to its loop: co_await it on the loop, and pass its value
#include <whorl/places/defer_to.h>

int twice(whorl::deferred<int> later) { return 2 * std::move(later).take().value(); }

whorl::deferred<void> use(whorl::thread_pool& pool, whorl::deferred<int> later) {
  co_await whorl::defer_to(pool, twice, std::move(later));
}
