#include "guard/watched_program.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <new>
#include <utility>

namespace whorl::detail {

namespace {

sigset_t handed_on() noexcept {
  sigset_t set;
  sigemptyset(&set);
  for (const int each : {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2}) {
    sigaddset(&set, each);
  }
  return set;
}

std::string own_descriptor(const unique_fd& fd) { return fmt::format("/proc/{}/fd/{}", ::getpid(), fd.get()); }

std::unexpected<error> failed(const program_to_watch& wanted, std::string_view what, int why) {
  return std::unexpected(error::system(why, fmt::format("watch \"{}\": {}", wanted.command.front(), what)));
}

std::unexpected<error> not_started(const program_to_watch& wanted, int why) {
  return std::unexpected(error::system(why, fmt::format("start \"{}\"", wanted.command.front()),
                                       "name a program that may be executed, and its arguments behind it"));
}

// What is done between fork and exec; makes no return.
struct child {
  char* const* arguments;
  const char* preload;
  const char* memory;
  watched_loops* loops;
  pid_t parent;
  const sigset_t* mask;
  int failure;  // where the reason goes, if it cannot be executed

  [[noreturn]] void become() const {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() == parent) {
      loops->program.store(::getpid(), std::memory_order_relaxed);
      ::setenv("LD_PRELOAD", preload, 1);
      ::setenv(watched_loops_variable, memory, 1);
      ::sigprocmask(SIG_SETMASK, mask, nullptr);
      ::execvp(arguments[0], arguments);
      const int why = errno;
      static_cast<void>(!::write(failure, &why, sizeof why));
    }
    ::_exit(127);
  }
};

}  // namespace

result<std::unique_ptr<watched_program>> watched_program::start(const program_to_watch& wanted) {
  std::unique_ptr<watched_program> made(new watched_program);
  if (auto shared = made->share(wanted); !shared) {
    return std::unexpected(std::move(shared).error());
  }
  if (auto launched = made->launch(wanted); !launched) {
    return std::unexpected(std::move(launched).error());
  }
  return made;
}

result<void> watched_program::share(const program_to_watch& wanted) {
  memory_ = unique_fd(::memfd_create("whorl-guard", MFD_CLOEXEC));
  if (!memory_ || ::ftruncate(memory_.get(), sizeof(watched_loops)) != 0) {
    return failed(wanted, "share memory with it", errno);
  }
  void* memory = ::mmap(nullptr, sizeof(watched_loops), PROT_READ | PROT_WRITE, MAP_SHARED, memory_.get(), 0);
  if (memory == MAP_FAILED) {
    return failed(wanted, "share memory with it", errno);
  }
  loops_ = new (memory) watched_loops;
  loops_->limit.store(wanted.limit.count(), std::memory_order_relaxed);
  loops_->numbering.store(numbering_of_processes(), std::memory_order_relaxed);
  return {};
}

// The library first, then what was to be preloaded anyway; the names are parted by spaces and colons (ld.so(8)).
result<std::string> watched_program::preloaded(const program_to_watch& wanted) {
  std::string name = wanted.library;
  if (name.find_first_of(" :") != std::string::npos) {
    library_ = unique_fd(::open(name.c_str(), O_RDONLY | O_CLOEXEC));
    if (!library_) {
      return failed(wanted, fmt::format("open {}", name), errno);
    }
    name = own_descriptor(library_);
  }
  const char* others = std::getenv("LD_PRELOAD");
  return others == nullptr || *others == '\0' ? name : fmt::format("{}:{}", name, others);
}

result<void> watched_program::launch(const program_to_watch& wanted) {
  std::array<int, 2> told{};
  if (::pipe2(told.data(), O_CLOEXEC) != 0) {
    return failed(wanted, "make a pipe", errno);
  }
  const unique_fd reading(told[0]);
  unique_fd writing(told[1]);
  std::vector<char*> arguments;
  for (const std::string& each : wanted.command) {
    arguments.push_back(const_cast<char*>(each.c_str()));
  }
  arguments.push_back(nullptr);
  const auto preload = preloaded(wanted);
  if (!preload) {
    return std::unexpected(preload.error());
  }
  const std::string memory = own_descriptor(memory_);
  const sigset_t set = handed_on();
  ::sigprocmask(SIG_BLOCK, &set, &mask_before_);
  masked_ = true;
  const child made{.arguments = arguments.data(),
                   .preload = preload->c_str(),
                   .memory = memory.c_str(),
                   .loops = loops_,
                   .parent = ::getpid(),
                   .mask = &mask_before_,
                   .failure = writing.get()};
  process_ = ::fork();
  if (process_ == 0) {
    made.become();
  }
  if (process_ < 0) {
    return failed(wanted, "start a process", errno);
  }
  pipe_before_ = std::signal(SIGPIPE, SIG_IGN);  // where nobody reads the report the program goes on all the same
  writing.reset();
  end_ = unique_fd(static_cast<int>(::syscall(SYS_pidfd_open, process_, 0)));
  signals_ = unique_fd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  int why = 0;
  if (::read(reading.get(), &why, sizeof why) == sizeof why) {
    return not_started(wanted, why);
  }
  return {};
}

watched_program::~watched_program() {
  if (process_ > 0 && wait_status_ == 0) {
    ::waitpid(process_, nullptr, WNOHANG);
  }
  if (masked_) {
    ::sigprocmask(SIG_SETMASK, &mask_before_, nullptr);
  }
  if (pipe_before_ != SIG_ERR) {
    std::signal(SIGPIPE, pipe_before_);
  }
  if (loops_ != nullptr) {
    ::munmap(loops_, sizeof *loops_);
  }
}

bool watched_program::wait_for_its_end(duration most) {
  std::array<pollfd, 2> wanted{
      {{.fd = end_.get(), .events = POLLIN, .revents = 0}, {.fd = signals_.get(), .events = POLLIN, .revents = 0}}};
  const auto left = std::max<duration>(most, std::chrono::microseconds(100));
  const timespec limit{.tv_sec = left.count() / 1'000'000'000, .tv_nsec = left.count() % 1'000'000'000};
  if (::ppoll(wanted.data(), wanted.size(), &limit, nullptr) <= 0) {
    return false;
  }
  hand_on_signals();
  return wanted[0].revents != 0 && ::waitpid(process_, &wait_status_, WNOHANG) == process_;
}

void watched_program::hand_on_signals() {
  signalfd_siginfo signal{};
  while (::read(signals_.get(), &signal, sizeof signal) == sizeof signal) {
    if (signal.ssi_code != SI_KERNEL) {  // that is the terminal's, and the program has it already
      ::kill(process_, static_cast<int>(signal.ssi_signo));
    }
  }
}

}  // namespace whorl::detail
