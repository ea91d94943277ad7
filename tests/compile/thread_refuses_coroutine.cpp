// A coroutine belongs to the loop; in a thread there is none.
// error: the function's result may not cross to another thread: it is a deferred or promise, which belongs to its loop
#include <whorl/places/defer_to.h>

whorl::deferred<int> later(int value) { co_return value; }

whorl::deferred<void> use(whorl::thread_pool& pool) { co_await whorl::defer_to(pool, later, 1); }
