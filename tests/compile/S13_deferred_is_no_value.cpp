// error: a deferred cannot be the value of a deferred: await it, or return it from a callback
#include <whorl/deferred/deferred.h>

void fire(whorl::deferred<int> inner) {
  whorl::promise<whorl::deferred<int>> outer;
  outer.callback(std::move(inner));
}
