// Who waits, for how long, and on what? A server in which every request carries its id, and a console that lists what
// is waiting. Log lines of a request name it without being told.
// ctest
#include <whorl/deferred/log.h>
#include <whorl/deferred/semaphore.h>
#include <whorl/reactor/reactor.h>
#include <whorl/reactor/run.h>

#include <chrono>
#include <iostream>
#include <string>

using namespace whorl;
using namespace std::chrono_literals;

const log_key request_id("request");

deferred<void> use_the_printer(reactor& loop, semaphore& printer) {
  auto turn = co_await printer.acquire();
  log(log_level::info, "printing");
  co_await loop.sleep(50ms);
}

deferred<void> answer_request(reactor& loop, semaphore& printer) {
  co_await use_the_printer(loop, printer);
  log(log_level::info, "answered");
}

auto start_request(const std::string& id, reactor& loop, semaphore& printer) {
  return context::current().with(request_id, id).run(answer_request, std::ref(loop), std::ref(printer));
}

deferred<int> console(reactor& loop) {
  semaphore printer(1);
  auto first = start_request("7f3a", loop, printer);
  auto second = start_request("80c1", loop, printer);
  co_await loop.sleep(20ms);
  for (const pending_wait& each : loop.pending()) {
    std::cout << each.describe() << "\n";
  }
  co_await std::move(first);
  co_await std::move(second);
  co_return 0;
}

int main() { return whorl::run(console); }
