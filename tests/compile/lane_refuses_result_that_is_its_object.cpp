// What a lane guards stays in it.
// error: the function's result may not cross to another thread: it holds a reference, and both threads would use what it refers to: pass a value, copied or moved
#include <whorl/places/defer_to.h>

struct unit_system {};

unit_system& itself(unit_system& units) { return units; }

whorl::deferred<void> use(whorl::lane<unit_system>& lane) { co_await whorl::defer_to(lane, itself); }
