// A program outside the tree that uses whorl::blocking_calls: a call that would hold up its loop is refused.
#include <whorl/guard/call_watch.h>
#include <whorl/reactor/run.h>

#include <unistd.h>

#include <cstdio>

using namespace whorl;

deferred<void> wait_on_the_loop(reactor& loop) {
  const call_watch guard(loop, {.policy = on_waiting_call::throw_it});
  co_await loop.sleep(std::chrono::milliseconds(1));
  try {
    ::usleep(1);
  } catch (const call_refused& refused) {
    std::printf("whorl::blocking_calls says %s\n", refused.what());
    co_return;
  }
  throw error(errc::bad_input, "the call was made");
}

int main() { return call_watch::possible() ? run(wait_on_the_loop) : 1; }
