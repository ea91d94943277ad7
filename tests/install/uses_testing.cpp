// A program outside the tree that uses whorl::testing: one simulated host greets another.
#include <whorl/net/endpoint.h>
#include <whorl/testing/explore.h>

#include <cstdio>
#include <string>

using namespace whorl;

deferred<void> greet(stream guest) { co_await guest.write("hello\n"); }

deferred<void> serve(testing::host& here) {
  auto port = co_await listen_streams(here.loop(), "tcp:80", greet);
  promise<void> for_ever;
  co_await for_ever.get_deferred();
}

deferred<std::string> visit(reactor* loop, std::string endpoint) {
  auto server = co_await connect(*loop, endpoint);
  co_return co_await server.read_until("\n");
}

void program(testing::simulation& world) {
  testing::host& server = world.add_host("server");
  testing::host& client = world.add_host("client");
  server.run(serve);
  world.settle();
  if (world.run(visit(&client.loop(), server.endpoint(80))) != "hello\n") {
    throw error(errc::bad_input, "that was no greeting");
  }
}

int main() {
  const testing::exploration seen = testing::explore({.count = 100}, program);
  std::printf("whorl::testing says %d runs passed\n%s", static_cast<int>(seen.runs), seen.report.c_str());
  return seen.passed() ? 0 : 1;
}
