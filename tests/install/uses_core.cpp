// A program outside the tree that uses whorl::core: a coroutine awaits a result that a promise brings.
#include <whorl/deferred/coroutine.h>
#include <whorl/deferred/deferred.h>
#include <whorl/deferred/promise.h>

#include <cstdio>
#include <utility>

whorl::deferred<int> twice(whorl::deferred<int> number) {
  int value = co_await std::move(number);
  co_return 2 * value;
}

int main() {
  whorl::promise<int> promise;
  int answer = 0;
  twice(promise.get_deferred()).add_callback([&answer](int value) { answer = value; }).detach();
  promise.callback(21);
  std::printf("whorl::core says %d\n", answer);
  return answer == 42 ? 0 : 1;
}
