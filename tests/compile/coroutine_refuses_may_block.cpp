// A coroutine runs on the loop, where nothing may wait.
// error: a coroutine runs on the loop and may not block: take the may_block& in a plain function and call that with co_await defer_to(pool, f, args...)
#include <whorl/places/defer_to.h>

whorl::deferred<int> read(whorl::may_block& permission);

whorl::deferred<int> read_all(whorl::may_block&) { co_return 1; }
