// error: the first argument after the function may not cross to another thread: it is a may_block, which is good for one thread: the place gives the function its own, so leave it out
#include <whorl/places/defer_to.h>

int take(whorl::may_block&) { return 1; }

whorl::deferred<int> use(whorl::thread_pool& pool, whorl::may_block& permission) {
  return whorl::defer_to(pool, take, permission);
}
