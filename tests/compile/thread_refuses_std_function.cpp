// error: the function carries what cannot be seen (a lambda with captures, a std::function): give a function pointer or a lambda without captures, and what it captured as arguments after it; where you know that it is safe: unchecked(f, "reason")
#include <whorl/places/defer_to.h>

#include <functional>

whorl::deferred<void> use(whorl::thread_pool& pool, std::function<int()> count) {
  co_await whorl::defer_to(pool, count);
}
