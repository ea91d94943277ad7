#include <whorl/deferred/event.h>

namespace whorl {

void event::set() {
  set_ = true;
  line_.serve_all();
}

deferred<void> event::wait() { return set_ ? succeed() : line_.join(); }

}  // namespace whorl
