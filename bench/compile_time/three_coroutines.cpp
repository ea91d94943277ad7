// A small program's source, as its author would write it: what compile_time.py measures.
#include <whorl/deferred/deferred.h>
#include <whorl/reactor/reactor.h>

#include <chrono>
#include <string>

using namespace std::chrono_literals;

whorl::deferred<std::string> greet_after(whorl::reactor& loop, std::string name) {
  co_await loop.sleep(1ms);
  co_return "hello, " + name;
}

whorl::deferred<int> count_letters(whorl::reactor& loop, std::string name) {
  const std::string greeting = co_await greet_after(loop, std::move(name));
  co_return static_cast<int>(greeting.size());
}

whorl::deferred<void> refuse_the_nameless(whorl::reactor& loop, std::string name) {
  const int letters = co_await count_letters(loop, std::move(name));
  if (letters == 0) {
    throw whorl::error(whorl::errc::bad_input);
  }
}
