// The echo server of the benchmarks on whorl's public interface: a protocol that writes what it receives. It prints its
// port and serves until its standard input ends. WHORL_BACKEND=uring|epoll chooses the back end; an argument, "watch" or
// "strict", that its loop is watched for stalls, or that its system calls are (bench/record.py).
//
// bench floors: net guard
#include <unistd.h>
#include <whorl/guard/stall_watch.h>
#include <whorl/guard/strict_mode.h>
#include <whorl/net/endpoint.h>
#include <whorl/net/protocol.h>
#include <whorl/reactor/reactor.h>
#include <whorl/reactor/run.h>

#include <cstdio>
#include <memory>
#include <optional>
#include <string_view>

namespace {

class echo final : public whorl::protocol {
 public:
  void connection_made(whorl::transport& connection) override { connection_ = &connection; }
  void data_received(whorl::bytes_view bytes) override { connection_->write(bytes); }

 private:
  whorl::transport* connection_ = nullptr;
};

std::unique_ptr<whorl::protocol> build_echo(const whorl::address& /*peer*/) { return std::make_unique<echo>(); }

std::string_view guard;

whorl::deferred<int> serve(whorl::reactor& loop) {
  std::optional<whorl::stall_watch> watch;
  std::optional<whorl::strict_mode> strict;
  if (guard == "watch") {
    watch.emplace(loop);
  } else if (guard == "strict") {
    strict.emplace(loop);
  }
  whorl::port listening = co_await whorl::listen(loop, "tcp:127.0.0.1:0", build_echo);
  std::printf("%d\n", listening.local_address().port());
  std::fflush(stdout);
  co_await loop.readable(STDIN_FILENO);
  co_return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1) {
    guard = argv[1];
  }
  return whorl::run(serve);
}
