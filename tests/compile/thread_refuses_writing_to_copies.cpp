// A function that writes to its argument would write to the copy that crossed.
// error: the function takes an argument by reference, and would write to a copy that nobody sees: let it take the value and return the result
#include <whorl/places/defer_to.h>

#include <vector>

void append(int value, std::vector<int>& to) { to.push_back(value); }

whorl::deferred<void> use(whorl::thread_pool& pool, std::vector<int> numbers) {
  co_await whorl::defer_to(pool, append, 1, numbers);
}
