// error: the first argument after the function may not cross to another thread: it belongs to the thread that built it (whorl::affinity_of says so): build it in a lane<T> and use it there, with defer_to(lane, f, args...)
#include <whorl/places/defer_to.h>

#include <memory>

struct cursor {
  int row = 0;
};
template <>
inline constexpr whorl::thread_affinity whorl::affinity_of<cursor> = whorl::thread_affinity::one_thread;

int next(std::unique_ptr<cursor> at) { return ++at->row; }

whorl::deferred<void> use(whorl::thread_pool& pool, std::unique_ptr<cursor> at) {
  co_await whorl::defer_to(pool, next, std::move(at));
}
