// Runs a program as a child process and talks about it: quickly, as one deferred, and with events, on a terminal.
//
//     example_run_command              counts the words that another program prints, then types into a shell
// ctest

#include <whorl/process/child.h>
#include <whorl/process/command.h>
#include <whorl/process/launch_step.h>
#include <whorl/reactor/run.h>

#include <chrono>
#include <iostream>
#include <memory>
#include <string>
#include <utility>

using namespace whorl;
using namespace std::chrono_literals;

// Types one line at a shell's prompt, and prints all that the terminal shows.
class typist : public process::process_protocol {
 public:
  explicit typist(promise<process::exit_status> ended) : ended_(std::move(ended)) {}

  void process_started(process::child& shell) override { shell.write(0, "echo $((6 * 7)); exit 3\n"); }
  void output_received(int /*fd*/, bytes_view bytes) override {
    std::cout << std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  void process_ended(const process::exit_status& how) override { ended_.callback(how); }

 private:
  promise<process::exit_status> ended_;
};

deferred<int> talk(reactor& loop) {
  const auto sorted =
      co_await process::command("sort").args("-u").input("b\na\nb\n").time_limit(10s).check_output(loop);
  std::cout << sorted;

  const auto counted = co_await process::command("wc").args("-l").input(sorted).output(loop);
  std::cout << counted.out << "wc " << counted.status.to_string() << '\n';

  const auto missing = co_await process::command("no-such-program").output(loop).result();
  std::cout << missing.error().what() << '\n';

  promise<process::exit_status> ended;
  auto typed = ended.get_deferred();
  const auto shell = process::command("/bin/sh")
                         .terminal()
                         .environment("PS1", "$ ")
                         .spawn(loop, std::make_unique<typist>(std::move(ended)));
  if (!shell) co_return std::unexpected(shell.error());
  const auto how = co_await std::move(typed);
  std::cout << "the shell " << how.to_string() << '\n';
  co_return how.exit_code() == 3 ? 0 : 1;
}

int main() { return run(talk); }
