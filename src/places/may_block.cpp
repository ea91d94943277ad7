#include <fmt/format.h>
#include <whorl/deferred/error.h>
#include <whorl/places/may_block.h>
#include <whorl/reactor/reactor.h>

namespace whorl {

void may_block::refuse_on_loop(std::string_view doing) {
  if (reactor::turning_on_this_thread()) {
    throw misuse(
        fmt::format("{} on a thread whose loop runs: it would wait, and the loop with all its connections and "
                    "timers would stand still; go to a thread with co_await defer_to(pool, f, args...)",
                    doing));
  }
}

}  // namespace whorl
