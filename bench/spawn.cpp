// Child processes spawned and reaped, one at a time, beside bare posix_spawn, vfork and fork and beside libuv, with a small
// and with a large resident set. Interleaved rounds; a ratio compares two contestants of one round, and the median is shown.
//
//     bench_spawn [RESIDENT_MEGABYTES [ROUNDS]]     exits 1 if whorl takes more than 1.1 times as long as bare posix_spawn
//
// bench floors: process
// bench libraries: uv
#include <whorl/process/child.h>
#include <whorl/process/command.h>
#include <whorl/reactor/reactor.h>

#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace {

using seconds = std::chrono::duration<double>;

constexpr int spawns_a_round = 40;
constexpr double allowed_ratio = 1.1;

std::array<char*, 2> arguments{const_cast<char*>("/bin/true"), nullptr};

void require(bool went_well, const char* doing) {
  if (!went_well) {
    std::fprintf(stderr, "bench_spawn: %s failed: %s\n", doing, std::strerror(errno));
    std::exit(2);
  }
}

void reap(pid_t pid) { require(::waitpid(pid, nullptr, 0) == pid, "waitpid"); }

seconds time_of(auto spawn_one) {
  const auto began = std::chrono::steady_clock::now();
  for (int i = 0; i < spawns_a_round; ++i) {
    spawn_one();
  }
  return std::chrono::steady_clock::now() - began;
}

seconds with_posix_spawn() {
  return time_of([] {
    pid_t pid = 0;
    require(::posix_spawn(&pid, arguments[0], nullptr, nullptr, arguments.data(), environ) == 0, "posix_spawn");
    reap(pid);
  });
}

seconds with_vfork() {
  return time_of([] {
    const pid_t pid = ::vfork();
    if (pid == 0) {
      ::execve(arguments[0], arguments.data(), environ);
      ::_exit(127);
    }
    reap(pid);
  });
}

seconds with_fork() {
  return time_of([] {
    const pid_t pid = ::fork();
    if (pid == 0) {
      ::execve(arguments[0], arguments.data(), environ);
      ::_exit(127);
    }
    reap(pid);
  });
}

seconds with_libuv() {
  uv_loop_t loop;
  require(uv_loop_init(&loop) == 0, "uv_loop_init");
  std::array<uv_stdio_container_t, 3> inherited{};
  for (int fd = 0; fd < 3; ++fd) {
    inherited[static_cast<std::size_t>(fd)].flags = UV_INHERIT_FD;
    inherited[static_cast<std::size_t>(fd)].data.fd = fd;
  }
  uv_process_options_t options{};
  options.file = arguments[0];
  options.args = arguments.data();
  options.stdio_count = 3;
  options.stdio = inherited.data();
  options.exit_cb = [](uv_process_t* ended, std::int64_t, int) {
    uv_close(reinterpret_cast<uv_handle_t*>(ended), nullptr);
  };
  const seconds took = time_of([&] {
    uv_process_t child;
    require(uv_spawn(&loop, &child, &options) == 0, "uv_spawn");
    uv_run(&loop, UV_RUN_DEFAULT);
  });
  uv_loop_close(&loop);
  return took;
}

// Spawns the next child when one has ended, and stops the loop after the last.
class one_after_the_other final : public whorl::process::process_protocol {
 public:
  one_after_the_other(whorl::reactor& loop, const whorl::process::command& what, int left)
      : loop_(loop), what_(what), left_(left) {}

  static void spawn(whorl::reactor& loop, const whorl::process::command& what, int left) {
    const auto made = what.spawn(loop, std::make_unique<one_after_the_other>(loop, what, left));
    require(made.has_value(), made ? "" : made.error().what());
  }
  void output_received(int /*fd*/, whorl::bytes_view /*bytes*/) override {}
  void process_ended(const whorl::process::exit_status& how) override {
    require(how.succeeded(), "the child");
    if (left_ > 1) {
      spawn(loop_, what_, left_ - 1);
    } else {
      loop_.stop();
    }
  }

 private:
  whorl::reactor& loop_;
  const whorl::process::command& what_;
  int left_;
};

seconds with_whorl(whorl::result<std::unique_ptr<whorl::backend>> (*make)(), const whorl::process::command& what) {
  auto io = make();
  require(io.has_value(), "making a back end");
  whorl::reactor loop(std::move(*io));
  const auto began = std::chrono::steady_clock::now();
  one_after_the_other::spawn(loop, what, spawns_a_round);
  loop.run();
  return std::chrono::steady_clock::now() - began;
}

// The same descriptors as a bare spawn leaves to its child.
whorl::process::command without_pipes() {
  using whorl::process::wire;
  return whorl::process::command(arguments[0])
      .descriptor(0, wire::inherited(0))
      .descriptor(1, wire::inherited(1))
      .descriptor(2, wire::inherited(2));
}

seconds with_whorl_epoll() { return with_whorl(whorl::make_epoll_backend, without_pipes()); }
seconds with_whorl_uring() { return with_whorl(whorl::make_uring_backend, without_pipes()); }
seconds with_whorl_and_pipes() { return with_whorl(whorl::make_epoll_backend, whorl::process::command(arguments[0])); }

struct contestant {
  const char* name;
  seconds (*spawn)();
  bool gated;  // must keep to the allowed ratio
  bool slow;   // grows with the resident set: takes part in one round only
  std::vector<double> took{};
  std::vector<double> ratios{};
};

double median(std::vector<double> of) {
  std::ranges::sort(of);
  return of.at(of.size() / 2);
}

void grow_resident_set(std::size_t megabytes) {
  const std::size_t bytes = megabytes << 20;
  void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  require(memory != MAP_FAILED, "mmap");
  ::madvise(memory, bytes, MADV_NOHUGEPAGE);
  for (std::size_t at = 0; at < bytes; at += 4096) {
    static_cast<volatile char*>(memory)[at] = 1;
  }
}

// True if every gated contestant kept to the ratio.
bool compare(std::size_t megabytes, int rounds) {
  std::array<contestant, 7> all{{{"posix_spawn", with_posix_spawn, false, false},
                                 {"vfork", with_vfork, false, false},
                                 {"whorl epoll", with_whorl_epoll, true, false},
                                 {"whorl uring", with_whorl_uring, true, false},
                                 {"whorl, 3 pipes", with_whorl_and_pipes, false, false},
                                 {"libuv", with_libuv, false, true},
                                 {"fork", with_fork, false, true}}};
  for (int round = 0; round < rounds; ++round) {
    for (contestant& each : all) {
      if (each.slow && round >= 1) continue;
      each.took.push_back(each.spawn().count());
      each.ratios.push_back(each.took.back() / all[0].took.back());
    }
  }
  std::printf("%zu MB resident, %d rounds of %d\n", megabytes, rounds, spawns_a_round);
  bool kept = true;
  for (const contestant& each : all) {
    const double ratio = median(each.ratios);
    std::printf("  %-16s %6.0f a second  %7.3f of posix_spawn's time\n", each.name, spawns_a_round / median(each.took),
                ratio);
    kept = kept && (!each.gated || ratio <= allowed_ratio);
  }
  std::fflush(stdout);
  return kept;
}

}  // namespace

int main(int argc, char** argv) {
  constexpr std::size_t small_megabytes = 20;
  const std::size_t large_megabytes = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 4096;
  const int rounds = argc > 2 ? std::atoi(argv[2]) : 13;
  grow_resident_set(small_megabytes);
  bool kept = compare(small_megabytes, rounds);
  grow_resident_set(large_megabytes - small_megabytes);
  kept = compare(large_megabytes, rounds) && kept;
  return kept ? 0 : 1;
}
