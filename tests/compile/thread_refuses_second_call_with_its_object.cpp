// error: an argument cannot be copied: std::move it into the call
// One object, two calls: the second has nothing left to take, and the first is not given a copy.
#include <whorl/places/defer_to.h>

#include <memory>
#include <vector>

std::size_t count(std::unique_ptr<std::vector<int>> numbers) { return numbers->size(); }

whorl::deferred<void> use(whorl::thread_pool& pool, std::unique_ptr<std::vector<int>> numbers) {
  auto first = whorl::defer_to(pool, count, numbers);
  auto second = whorl::defer_to(pool, count, numbers);
  co_await std::move(first);
  co_await std::move(second);
}
