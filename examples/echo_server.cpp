// An echo server: every byte that arrives goes back. Start it, and try: nc 127.0.0.1 7007
// Its protocol is pushed events; echo_stream.cpp does the same with co_await. Ctrl-C ends it.
//
// ctest: --self-test

#include <whorl/net/endpoint.h>
#include <whorl/reactor/run.h>

#include <cstdio>
#include <memory>
#include <string>
#include <string_view>

class echo : public whorl::protocol {
 public:
  void connection_made(whorl::transport& connection) override { connection_ = &connection; }
  void data_received(whorl::bytes_view bytes) override { connection_->write(bytes); }

  // A peer that sends but does not read: take no more from it than it takes from us.
  void writing_paused() override { connection_->pause_producing(); }
  void writing_resumed() override { connection_->resume_producing(); }

 private:
  whorl::transport* connection_ = nullptr;
};

whorl::deferred<void> serve(whorl::reactor& loop, std::string where) {
  auto build = [](const whorl::address&) { return std::make_unique<echo>(); };
  auto port = co_await listen(loop, std::move(where), std::move(build));
  std::printf("echoing on %s\n", port.local_address().to_string().c_str());
  whorl::promise<void> for_ever;
  co_await for_ever.get_deferred();
}

whorl::deferred<int> self_test(whorl::reactor& loop) {
  auto build = [](const whorl::address&) { return std::make_unique<echo>(); };
  auto port = co_await listen(loop, "tcp:127.0.0.1:0", std::move(build));
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
