// compiles
// What belongs to one thread is built and used in a lane; what is thread-safe is shared by who likes.
#include <whorl/places/defer_to.h>

#include <memory>

struct cursor {
  int row = 0;
};
struct cache {
  int lookups() const { return 0; }
};
template <>
inline constexpr whorl::thread_affinity whorl::affinity_of<cursor> = whorl::thread_affinity::one_thread;
template <>
inline constexpr whorl::thread_affinity whorl::affinity_of<cache> = whorl::thread_affinity::any_thread;

int next(cursor& at) { return ++at.row; }
int lookups(std::shared_ptr<cache> from) { return from->lookups(); }

whorl::deferred<int> use(whorl::lane<cursor>& rows, whorl::thread_pool& pool, std::shared_ptr<cache> found) {
  int row = co_await whorl::defer_to(rows, next);
  int in_pool = co_await whorl::defer_to(pool, lookups, found);
  co_return row + in_pool;
}
