// The echo server of echo_server.cpp with a coroutine a connection. Start it, and try: nc 127.0.0.1 7007
// Reading waits for the peer to send, and writing for it to read; a peer that does neither costs a suspended frame.
//
// ctest: --self-test

#include <whorl/net/endpoint.h>
#include <whorl/reactor/run.h>

#include <cstdio>
#include <string>
#include <string_view>

whorl::deferred<void> echo(whorl::stream peer) {
  while (true) {
    auto bytes = co_await peer.read();
    if (bytes.empty()) co_return;  // the peer has ended; dropping the stream ends our side
    co_await peer.write(std::move(bytes));
  }
}

whorl::deferred<void> serve(whorl::reactor& loop, std::string where) {
  auto port = co_await listen_streams(loop, std::move(where), echo);
  std::printf("echoing on %s\n", port.local_address().to_string().c_str());
  whorl::promise<void> for_ever;
  co_await for_ever.get_deferred();
}

whorl::deferred<int> self_test(whorl::reactor& loop) {
  auto port = co_await listen_streams(loop, "tcp:127.0.0.1:0", echo);
  auto client = co_await connect(loop, port.local_address().to_string());
  co_await client.write("hello, echo");
  auto answer = co_await client.read_exactly(11);
  co_await client.close();
  std::printf("the echo is \"%s\"\n", answer.c_str());
  co_return answer == "hello, echo" ? 0 : 1;
}

int main(int argc, char** argv) {
  const bool testing = argc > 1 && std::string_view(argv[1]) == "--self-test";
  return testing ? whorl::run(self_test) : whorl::run(serve, std::string("tcp:127.0.0.1:7007"));
}
