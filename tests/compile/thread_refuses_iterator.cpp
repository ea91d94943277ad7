// error: the first argument after the function may not cross to another thread: it holds an iterator into something that stays behind: pass the container, moved, and a position
#include <whorl/places/defer_to.h>

#include <vector>

int take(std::vector<int>::iterator at) { return *at; }

whorl::deferred<void> use(whorl::thread_pool& pool, std::vector<int>& numbers) {
  co_await whorl::defer_to(pool, take, numbers.begin());
}
