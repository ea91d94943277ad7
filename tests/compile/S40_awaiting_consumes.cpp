// error: awaiting consumes a deferred, so its result has one taker: co_await std::move(d)
#include <whorl/deferred/deferred.h>

whorl::deferred<int> twice(whorl::deferred<int> once) {
  auto first = co_await once;
  auto second = co_await once;
  co_return first + second;
}
