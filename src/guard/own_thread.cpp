#include "guard/own_thread.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/close_range.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <whorl/deferred/log.h>
#include <whorl/deferred/mutex.h>
#include <whorl/deferred/platform.h>
#include <whorl/reactor/unique_fd.h>

#include <condition_variable>
#include <csignal>
#include <fstream>
#include <string>
#include <thread>
#include <utility>

namespace whorl::detail {

namespace {

constexpr const char* name = "guard";

constinit thread_local bool own_descriptors = false;

struct starting_threads {
  mutex access;
  std::condition_variable changed;
  int without_name WHORL_GUARDED_BY(access) = 0;
};

// Never destroyed: threads may start while the program ends.
starting_threads& starting() {
  static auto& all = *new starting_threads;
  return all;
}

void take_name() {
  pthread_setname_np(pthread_self(), name);
  set_log_thread_name(name);
  const mutex_lock lock(starting().access);
  --starting().without_name;
  starting().changed.notify_all();
}

unique_fd copy_of_standard_error() noexcept {
  const unique_fd program(static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0)));
  return unique_fd(static_cast<int>(::syscall(SYS_pidfd_getfd, program.get(), STDERR_FILENO, 0)));
}

// So that nobody who waits for the end of a pipe waits for this thread.
void have_no_standard_descriptors() noexcept {
  const unique_fd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  for (const int standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    ::dup2(null.get(), standard);
  }
}

}  // namespace

// ThreadSanitizer takes descriptors of one number for one.
void take_own_descriptors() noexcept {
  constexpr unsigned after_standard_error = STDERR_FILENO + 1;
  const bool standard_error_can_be_had = static_cast<bool>(copy_of_standard_error());
  if (!WHORL_THREAD_SANITIZED && standard_error_can_be_had &&
      ::close_range(after_standard_error, ~0U, CLOSE_RANGE_UNSHARE) == 0) {
    own_descriptors = true;
    have_no_standard_descriptors();
  }
}

bool has_own_descriptors() noexcept { return own_descriptors; }

standard_error_of_program::standard_error_of_program() noexcept {
  const unique_fd copy = copy_of_standard_error();
  ::dup2(copy.get(), STDERR_FILENO);
}

standard_error_of_program::~standard_error_of_program() { ::dup2(STDIN_FILENO, STDERR_FILENO); }

void start_own_thread(std::move_only_function<void()> work) {
  {
    const mutex_lock lock(starting().access);
    ++starting().without_name;
  }
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread([work = std::move(work), own = own_descriptors]() mutable {
    own_descriptors = own;
    take_name();
    work();
  }).detach();
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

std::string name_of_thread(pid_t thread) {
  std::ifstream file(fmt::format("/proc/self/task/{}/comm", thread));
  std::string found;
  std::getline(file, found);
  return found;
}

// One that has only just been started still has the name of who started it.
bool is_own_thread(pid_t thread) {
  {
    mutex_lock lock(starting().access);
    while (starting().without_name > 0) {
      lock.wait(starting().changed);
    }
  }
  return name_of_thread(thread) == name;
}

}  // namespace whorl::detail
