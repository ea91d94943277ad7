#include <whorl/process/command.h>

#include <whorl/reactor/reactor.h>

#include <fmt/format.h>

#include "process/child_process.h"
#include "process/launch.h"

namespace whorl::process {

command& command::terminal(terminal_size size) {
  described_.terminal = size;
  return descriptor(0, wire::terminal()).descriptor(1, wire::terminal()).descriptor(2, wire::terminal());
}

result<child*> command::spawn(reactor& loop, std::unique_ptr<process_protocol> protocol) const {
  loop.require_this_thread("command::spawn");
  if (loop.io().simulated()) {
    return std::unexpected(error(
        errc::unsupported,
        fmt::format("run \"{}\": the memory back end has no child processes; use uring or epoll", described_.program)));
  }
  auto launched = launch(described_);
  if (!launched) return std::unexpected(launched.error());
  return child_process::open(loop, described_, std::move(*launched), std::move(protocol));
}

}  // namespace whorl::process
