// error: the third argument after the function may not cross to another thread: it holds a raw pointer, and nothing says who else uses what it points to: pass the object by value, or a unique_ptr to it, or a shared_ptr to const
#include <whorl/places/defer_to.h>

void fill(int from, int to, double* into) { *into = from + to; }

whorl::deferred<void> use(whorl::thread_pool& pool, double* into) { co_await whorl::defer_to(pool, fill, 1, 2, into); }
