// A command is a program to be run as a child process, and the surroundings that it gets.
//
//     auto log = co_await process::command("git").args("log", "-1").check_output(loop);
//     auto all = co_await process::command("sort").input(text).time_limit(5s).output(loop);  // .out .err .status
//     auto made = process::command("top").terminal({50, 132}).spawn(loop, std::make_unique<my_protocol>());
//
// Everything that is set applies to the child alone (S107), which starts with default signal dispositions, no signal
// blocked, and exactly the wired descriptors (S102).
//
// Thread: a value. What spawns belongs on the loop's thread.
// Cost:   the loop stands still until the program is executed, some 100 us (the child borrows this process's memory until
//         then, so its size does not matter); a program on a slow file system is waited for.
// Fails:  everything that spawns fails at once with a launch step's error (launch_step.h) when the child cannot be made
//         or its program not executed (S106), with errc::bad_input when what was set makes no sense, and with
//         errc::unsupported on the memory back end.
#pragma once

#include <whorl/deferred/deferred.h>
#include <whorl/process/exit_status.h>
#include <whorl/process/process_protocol.h>
#include <whorl/process/wire.h>
#include <whorl/reactor/time.h>

#include <sys/resource.h>
#include <sys/types.h>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace whorl {
class reactor;
}

namespace whorl::process {

class child;

struct captured_output {
  std::string out;  // what the child wrote to its descriptor 1
  std::string err;  // and to 2
  exit_status status;
};

enum class resource : int {
  address_space_bytes = RLIMIT_AS,
  core_file_bytes = RLIMIT_CORE,
  cpu_seconds = RLIMIT_CPU,
  data_bytes = RLIMIT_DATA,
  file_bytes = RLIMIT_FSIZE,
  locked_bytes = RLIMIT_MEMLOCK,
  open_files = RLIMIT_NOFILE,
  processes_of_user = RLIMIT_NPROC,
  stack_bytes = RLIMIT_STACK,
};

// What a command says, as data.
struct description {
  enum class base { inherited, empty };
  enum class group { ours, own, session };
  struct identity {
    uid_t user;
    gid_t group;
    std::vector<gid_t> supplementary;
  };

  std::string program;
  std::vector<std::string> arguments;
  base environment_base = base::inherited;
  std::map<std::string, std::optional<std::string>> environment;  // nothing: taken away
  std::map<int, wire> wires;                                      // by the child's descriptor
  terminal_size terminal;
  std::string directory;  // empty: ours
  std::optional<identity> user;
  std::optional<mode_t> file_mask;
  std::map<resource, rlim_t> limits;
  group process_group = group::ours;
  int death_signal = 0;
  std::string cgroup;  // empty: ours
  std::optional<duration> end_on_exit;
  bool ends_group = false;  // when it exits
};

class command {
 public:
  // A name without a slash is looked for in the PATH of the child's environment, or in /bin and /usr/bin if that has
  // none; one with a slash is relative to the child's directory.
  explicit command(std::string program) { described_.program = std::move(program); }

  template <class... Words>
    requires(std::constructible_from<std::string, Words> && ...)
  command& args(Words&&... words) {
    (described_.arguments.emplace_back(std::forward<Words>(words)), ...);
    return *this;
  }
  command& args(const std::vector<std::string>& words) {
    described_.arguments.insert(described_.arguments.end(), words.begin(), words.end());
    return *this;
  }

  // The child has this process's environment at the time of spawning, with these changes (S108).
  command& environment(std::string name, std::string value) {
    described_.environment.insert_or_assign(std::move(name), std::move(value));
    return *this;
  }
  command& without_environment(std::string name) {
    described_.environment.insert_or_assign(std::move(name), std::nullopt);
    return *this;
  }
  command& empty_environment() {  // nothing but what environment() sets
    described_.environment_base = description::base::empty;
    return *this;
  }

  command& descriptor(int child_fd, wire to) {
    described_.wires.insert_or_assign(child_fd, to);
    return *this;
  }
  // Standard error goes where standard output goes, in the order of writing.
  command& join_error_output() { return descriptor(2, wire::same_as(1)); }
  // 0, 1 and 2 are a new terminal, the controlling one of a new session. What the child prints is received as
  // descriptor 1's, what is written to 0 is typed. Closing 0 types nothing: end of input is the character 4.
  command& terminal(terminal_size size = {});

  command& directory(std::string path) {
    described_.directory = std::move(path);
    return *this;
  }
  // All of it, so that no group of ours is left over. Numbers: names are looked up by calls that wait.
  command& user(uid_t user, gid_t group, std::vector<gid_t> supplementary = {}) {
    described_.user = {user, group, std::move(supplementary)};
    return *this;
  }
  command& file_mask(mode_t mask) {
    described_.file_mask = mask;
    return *this;
  }
  command& limit(resource what, rlim_t most) {  // both the soft and the hard limit
    described_.limits.insert_or_assign(what, most);
    return *this;
  }
  command& own_process_group() {
    described_.process_group = description::group::own;
    return *this;
  }
  // In a process group of its own, what is left of it is killed when the child exits: nothing that it started stays behind
  // unless it went into another group.
  command& end_group_on_exit() {
    described_.ends_group = true;
    return own_process_group();
  }
  command& new_session() {
    described_.process_group = description::group::session;
    return *this;
  }
  // The control group of this directory, such as "/sys/fs/cgroup/jobs/7", which exists and lets us: its limits hold from the
  // program's first instruction on.
  command& cgroup(std::string directory) {
    described_.cgroup = std::move(directory);
    return *this;
  }
  // What the kernel sends the child when the thread that spawned it ends.
  command& signal_on_parent_death(int number) {
    described_.death_signal = number;
    return *this;
  }
  // See child::end_on_exit.
  command& end_on_exit(duration grace) {
    described_.end_on_exit = grace;
    return *this;
  }

  // Starts the program. The loop owns the child, the child the protocol.
  result<child*> spawn(reactor& loop, std::unique_ptr<process_protocol> protocol) const;

  // For output() and check_output(): what the child reads from descriptor 0, which is /dev/null otherwise.
  command& input(std::string bytes) {
    input_ = std::move(bytes);
    return *this;
  }
  // The child is stopped when it runs longer, or writes more to one descriptor.
  command& time_limit(duration most) {
    time_limit_ = most;
    return *this;
  }
  command& output_limit(std::size_t most_bytes) {
    output_limit_bytes_ = most_bytes;
    return *this;
  }
  // How long a child that is stopped has between TERM and KILL.
  command& grace(duration until_killed) {
    grace_ = until_killed;
    return *this;
  }

  // Runs the program to its end; any exit code is a value.
  // Fails:  failed::by_signal and failed::with_unknown_status (S109); errc::timed_out and errc::too_large at a limit, when
  //         the child has been stopped.
  // Cancel: stops the child, TERM, then KILL after the grace, and waits for its end. Cancelled again, or dropped: KILL.
  deferred<captured_output> output(reactor& loop) const;

  // What the program wrote to its standard output, if it succeeded.
  // Fails: as output(), and for an exit code other than 0 with failed::with_exit_code, with failed::with_error_output if
  //        something was written to standard error (S109); see join_error_output.
  deferred<std::string> check_output(reactor& loop) const;

  const description& described() const noexcept { return described_; }

 private:
  struct collecting;
  struct collector;
  struct kill_when_dropped;
  static deferred<captured_output> collect(std::shared_ptr<collecting> into);

  description described_;
  std::optional<std::string> input_;
  std::optional<duration> time_limit_;
  std::size_t output_limit_bytes_ = std::size_t{64} << 20;
  duration grace_ = std::chrono::seconds(5);
};

}  // namespace whorl::process
