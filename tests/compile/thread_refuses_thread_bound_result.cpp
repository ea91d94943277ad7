// error: the function's result may not cross to another thread: it belongs to the thread that built it (whorl::affinity_of says so)
#include <whorl/places/defer_to.h>

struct cursor {
  int row = 0;
};
template <>
inline constexpr whorl::thread_affinity whorl::affinity_of<cursor> = whorl::thread_affinity::one_thread;

cursor open() { return {}; }

whorl::deferred<void> use(whorl::thread_pool& pool) { co_await whorl::defer_to(pool, open); }
