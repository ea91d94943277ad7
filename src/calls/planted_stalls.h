// What the catalogue plants: for each stall the things that it waits for, and somebody who lets it go after a while.
//
// Without the fault everything is ready beforehand: the same calls then come back at once.
#pragma once

#include <fcntl.h>
#include <pthread.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <whorl/guard/waiting_call.h>
#include <whorl/reactor/unique_fd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace whorl {

class scene {
 public:
  scene(bool faulty_one, std::chrono::milliseconds stall_for) : faulty(faulty_one), stall(stall_for) {}
  scene(const scene&) = delete;
  scene& operator=(const scene&) = delete;
  ~scene() {
    later_.clear();  // joins
    for (FILE* each : streams_) std::fclose(each);
  }

  const bool faulty;
  const std::chrono::milliseconds stall;
  std::array<char, 100'000> bytes{};
  char* line = nullptr;
  std::size_t room = 0;
  std::mutex mutex;
  std::condition_variable changed;

  // Runs it when the stall has lasted long enough, on another thread; without the fault at once, before this returns.
  void release(std::function<void()> what) {
    if (!faulty) {
      what();
      return;
    }
    later_.emplace_back([what = std::move(what), time = stall] {
      std::this_thread::sleep_for(time);
      what();
    });
  }

  // Until everybody who lets something go has done so.
  void join() {
    const unobserved not_what_is_planted;
    later_.clear();
  }

  // Times to wait for.
  timespec time() const { return {.tv_sec = 0, .tv_nsec = faulty ? std::chrono::nanoseconds(stall).count() : 0}; }
  int milliseconds() const { return faulty ? static_cast<int>(stall.count()) : 0; }
  timespec until(clockid_t clock = CLOCK_REALTIME) const {
    timespec now{};
    ::clock_gettime(clock, &now);
    const auto then = std::chrono::nanoseconds(now.tv_nsec) + (faulty ? stall : std::chrono::milliseconds(0));
    return {.tv_sec = now.tv_sec + then / std::chrono::seconds(1), .tv_nsec = (then % std::chrono::seconds(1)).count()};
  }

  // Descriptors: the one to use, of a pipe or a pair of sockets.
  int empty_pipe() {
    const auto [read, write] = pipe();
    release([to = write] { send_byte(to); });
    return read;
  }
  int full_pipe() {
    const auto [read, write] = pipe();
    ::fcntl(write, F_SETFL, O_NONBLOCK);
    while (faulty && ::write(write, bytes.data(), 4096) > 0) {
    }
    ::fcntl(write, F_SETFL, 0);
    release([this, from = read] {
      if (faulty) take_bytes(from);
    });
    return write;
  }
  int silent_socket() {
    const auto [mine, peer] = sockets();
    release([to = peer] { send_byte(to); });
    return mine;
  }
  int full_socket() {
    const auto [mine, peer] = sockets();
    while (faulty && ::send(mine, bytes.data(), 4096, MSG_DONTWAIT) > 0) {
    }
    release([this, from = peer] {
      if (faulty) take_bytes(from);
    });
    return mine;
  }
  FILE* empty_stream() { return stream(empty_pipe(), "r"); }
  FILE* full_stream() {
    FILE* full = stream(full_pipe(), "w");
    std::setvbuf(full, nullptr, _IONBF, 0);
    return full;
  }
  int lonely_listener() {
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    const int listener = keep(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ::bind(listener, reinterpret_cast<const sockaddr*>(&name), sizeof name.sun_family);  // the kernel finds a name
    ::listen(listener, 1);
    release([this, listener] {
      sockaddr_un bound{};
      socklen_t length = sizeof bound;
      ::getsockname(listener, reinterpret_cast<sockaddr*>(&bound), &length);
      const int peer = keep(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
      [[maybe_unused]] const int got = ::connect(peer, reinterpret_cast<const sockaddr*>(&bound), length);
    });
    return listener;
  }

  // A file that nobody else uses, and one that another holds locked.
  int file() {
    std::string name = std::filesystem::temp_directory_path() / "whorl_catalogue_XXXXXX";
    const int made = keep(::mkostemp(name.data(), O_CLOEXEC));
    std::filesystem::remove(name);
    return made;
  }
  int opened_again(int file) {
    return keep(::open(("/proc/self/fd/" + std::to_string(file)).c_str(), O_RDWR | O_CLOEXEC));
  }
  std::string fifo() {
    std::string name = std::filesystem::temp_directory_path() / "whorl_catalogue_XXXXXX";
    ::close(::mkostemp(name.data(), O_CLOEXEC));
    std::filesystem::remove(name);
    ::mkfifo(name.c_str(), 0600);
    release([this, name] {
      keep(::open(name.c_str(), O_WRONLY | O_CLOEXEC));
      std::filesystem::remove(name);
    });
    return name;
  }

  // A child that ends after the stall.
  pid_t child() {
    const pid_t pid = ::fork();
    if (pid == 0) {
      timespec left = time();
      ::syscall(SYS_nanosleep, &left, nullptr);
      ::_exit(0);
    }
    if (!faulty) {
      siginfo_t about{};
      ::syscall(SYS_waitid, P_PID, pid, &about, WEXITED | WNOWAIT, nullptr);
    }
    return pid;
  }
  const char* slow_command() const { return faulty ? "sleep 0.07" : nullptr; }

  // A thread that holds something, and lets it go after the stall. It has it when this returns.
  template <class Take, class Give>
  void held_by_another(Take take, Give give) {
    if (!faulty) return;
    std::atomic<bool> has_it = false;
    later_.emplace_back([&has_it, take, give, time = stall] {
      take();
      has_it = true;
      has_it.notify_one();
      std::this_thread::sleep_for(time);
      give();
    });
    const unobserved not_what_is_planted;
    has_it.wait(false);
  }
  pthread_t thread() {
    pthread_t made{};
    constexpr auto run = [](void* time) -> void* {
      std::this_thread::sleep_for(*static_cast<const std::chrono::milliseconds*>(time));
      return nullptr;
    };
    ::pthread_create(&made, nullptr, +run, const_cast<std::chrono::milliseconds*>(&stall));
    return made;
  }

  // SIGUSR1 for the calling thread, which blocks it.
  sigset_t coming_signal() {
    sigset_t wanted;
    sigemptyset(&wanted);
    sigaddset(&wanted, SIGUSR1);
    ::pthread_sigmask(SIG_BLOCK, &wanted, nullptr);
    release([to = ::pthread_self()] { ::pthread_kill(to, SIGUSR1); });
    return wanted;
  }

  int keep(int descriptor) {
    const std::scoped_lock lock(keeping_);
    kept_.emplace_back(descriptor);
    return descriptor;
  }

 private:
  FILE* stream(int descriptor, const char* mode) {
    FILE* made = ::fdopen(::dup(descriptor), mode);
    streams_.push_back(made);
    return made;
  }
  std::pair<int, int> pipe() {
    std::array<int, 2> ends{};
    [[maybe_unused]] const int made = ::pipe2(ends.data(), O_CLOEXEC);
    return {keep(ends[0]), keep(ends[1])};
  }
  std::pair<int, int> sockets() {
    std::array<int, 2> ends{};
    ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data());
    return {keep(ends[0]), keep(ends[1])};
  }
  static void send_byte(int to) { [[maybe_unused]] const ssize_t sent = ::write(to, "x\n", 2); }
  static void take_bytes(int from) {
    std::vector<char> room(1'000'000);
    ::fcntl(from, F_SETFL, O_NONBLOCK);
    while (::read(from, room.data(), room.size()) > 0) {
    }
  }

  std::vector<FILE*> streams_;
  std::mutex keeping_;
  std::vector<unique_fd> kept_;
  std::vector<std::jthread> later_;  // last: joined first
};

}  // namespace whorl
