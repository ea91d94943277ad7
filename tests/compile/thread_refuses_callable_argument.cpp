// error: the first argument after the function may not cross to another thread: it is callable and carries what cannot be seen (a lambda with captures, a std::function)
#include <whorl/places/defer_to.h>

#include <functional>

int apply(std::function<int(int)> f, int value) { return f(value); }

whorl::deferred<void> use(whorl::thread_pool& pool, std::function<int(int)> f) {
  co_await whorl::defer_to(pool, apply, f, 1);
}
