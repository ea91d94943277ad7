#include "guard/own_thread.h"

#include <fmt/format.h>
#include <pthread.h>
#include <whorl/deferred/log.h>
#include <whorl/deferred/mutex.h>

#include <condition_variable>
#include <csignal>
#include <fstream>
#include <string>
#include <thread>
#include <utility>

namespace whorl::detail {

namespace {

constexpr const char* name = "guard";

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

}  // namespace

void start_own_thread(std::move_only_function<void()> work) {
  {
    const mutex_lock lock(starting().access);
    ++starting().without_name;
  }
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread([work = std::move(work)]() mutable {
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
