// error: an argument cannot be copied: std::move it into the call
#include <whorl/places/defer_to.h>

#include <memory>

int take(std::unique_ptr<int> value) { return *value; }

whorl::deferred<void> use(whorl::thread_pool& pool, std::unique_ptr<int> value) {
  co_await whorl::defer_to(pool, take, value);
}
