// What holds the loop up? A callback that waits, and one that computes: the guard tells of both while they do it, with
// the call, what it waits for, and the stack. What took longest is known afterwards, too.
//
// ctest
// unguarded: it is held up on purpose
#include <whorl/guard/stall_watch.h>
#include <whorl/reactor/run.h>

#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <iostream>

using namespace whorl;
using namespace std::chrono_literals;

namespace {

// Looks harmless, and waits for a pipe into which nobody writes before a second has passed.
[[gnu::noinline]] void ask_the_other_program(int pipe) {
  char answer = 0;
  if (::read(pipe, &answer, 1) != 1) {
    std::cerr << "the pipe was closed\n";
  }
}

[[gnu::noinline]] void find_the_answer() {
  const auto until = std::chrono::steady_clock::now() + 1s;
  while (std::chrono::steady_clock::now() < until) {
  }
}

deferred<void> hold_up(reactor& loop) {
  const stall_watch guard(loop);
  FILE* other = ::popen("sleep 1; echo 42", "r");
  ask_the_other_program(::fileno(other));
  ::pclose(other);
  co_await loop.sleep(100ms);
  find_the_answer();
  co_await loop.sleep(100ms);
  for (const long_callback& each : loop.statistics().longest_callbacks) {
    std::cout << std::chrono::duration_cast<std::chrono::milliseconds>(each.took).count() << " ms in "
              << each.name.describe() << '\n';
  }
}

}  // namespace

int main() { return run(hold_up); }
