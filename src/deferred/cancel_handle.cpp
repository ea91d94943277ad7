#include <whorl/deferred/cancel_handle.h>

namespace whorl::detail {

void throw_second_attached() {
  throw misuse(
      "attach() on a cancel_handle whose work is still underway: a handle cancels one piece of work; make another "
      "handle");
}

}  // namespace whorl::detail
