// Runs a program and watches its event loops from outside: a preloaded library (src/calls/preload) says when their turns
// begin and end, and a turn that takes too long is looked into while it does. The program need not know of whorl.
//
//     class printed : public program_report { ... };
//     const program_outcome ended = watch_program({.command = {"python3", "server.py"}, .library = library}, report);
//
// The program is not disturbed: it keeps its output, signals, descriptors and exit status, no thread is started in it, and
// a thread of it that sleeps is never touched. Children that it forks are watched too; programs that these execute are not.
//
// Thread: the one that called, until the program has ended. It must be the process' only one. The report is called on another.
// Fails:  what the kernel does not let be seen (ptrace(2)) is left empty.
// Cost:   to the program two readings of the clock a turn; the watching itself is another process, which wakes four times in
//         a limit.
#pragma once

#include <whorl/deferred/error.h>
#include <whorl/guard/call_stack.h>
#include <whorl/reactor/time.h>

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace whorl {

struct program_to_watch {
  enum class policy : std::uint8_t { report, abort };

  std::vector<std::string> command;
  std::string library;                             // the file that is preloaded
  duration limit = std::chrono::milliseconds(50);  // of a turn
  policy on_stall = policy::report;                // abort: of the first one, with SIGABRT
};

// A thread that waits for events in epoll, poll, select or io_uring.
struct program_loop {
  pid_t process = 0;
  pid_t thread = 0;
  std::string name;      // the thread's
  std::string waits_in;  // "epoll_wait"
};

// What a turn was held up by, by its stack: two with the same functions are one.
struct stall_cause {
  bool asleep = false;
  std::string doing{};                      // "asleep in read (descriptor 7, pipe:[81526])"; "computing"
  std::string call{};                       // the C function that waits; empty: none
  std::string fact{};                       // what is known of it
  std::string instead{};                    // what to use on a loop
  std::vector<stack_frame> stack{};         // innermost first
  std::vector<stack_frame> python_stack{};  // of CPython
};

struct program_stall {
  const program_loop& loop;
  const stall_cause& cause;
  duration lasted{};        // so far
  bool over = false;        // the loop goes on
  std::uint64_t count = 0;  // how many had this cause, this one included
};

// A place in the program's code that called, in a turn of a loop, a function that waits and for which no look from outside
// was needed: to sleep, to resolve a name, to wait for a child; or that changed what belongs to the whole process, once the
// program had a loop.
struct program_call {
  pid_t process = 0;
  pid_t thread = 0;
  std::string function{};
  std::string effect{};  // on the process: "cwd", "env" ...; empty: it waits
  std::string fact{};
  std::string instead{};
  std::vector<stack_frame> stack{};
  std::uint64_t count = 0;
  duration took{};          // altogether
  std::size_t threads = 0;  // of the process
};

class program_report {
 public:
  virtual ~program_report() = default;
  virtual void found(const program_loop& loop) = 0;
  virtual void stalled(const program_stall& stall) = 0;
  virtual void called(const program_call& call) = 0;  // the first time
};

struct loop_outcome {
  program_loop loop;
  std::uint64_t loops = 1;  // that are counted together: of many, those of a process with the same name
  std::uint64_t turns = 0;
  duration half{};  // of the turns took less than this; and so on
  duration ninety_of_hundred{};
  duration ninety_nine_of_hundred{};
  duration longest{};
  duration in_turns{};           // altogether
  std::uint64_t long_turns = 0;  // that took as long as the limit
};

struct cause_outcome {
  stall_cause cause;
  std::uint64_t count = 0;
  duration total{};
  duration longest{};
};

struct program_outcome {
  int wait_status = 0;  // wait(2)
  duration ran{};
  std::vector<loop_outcome> loops;
  std::vector<cause_outcome> causes;  // by their total time, the longest first
  std::vector<program_call> calls;
  std::uint64_t loops_not_watched = 0;  // too many at the same time, or in another PID namespace
};

// Fails: with a sentence, where the program cannot be started.
result<program_outcome> watch_program(const program_to_watch& wanted, program_report& report);

}  // namespace whorl
