// A reference handed to a thread: both threads would use what it refers to.
// error: the second argument after the function may not cross to another thread: it holds a reference, and both threads would use what it refers to: pass a value, copied or moved; where you know that it is safe: unchecked(value, "reason")
#include <whorl/places/defer_to.h>

#include <vector>

void append(int value, std::vector<int>& to) { to.push_back(value); }

whorl::deferred<void> use(whorl::thread_pool& pool, std::vector<int>& numbers) {
  co_await whorl::defer_to(pool, append, 1, std::ref(numbers));
}
