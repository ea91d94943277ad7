// The part of `whorl guard` that lives in the program: preloaded, it takes every thread that waits for events for a loop,
// and writes down when its turns begin and end. It starts no thread, allocates nothing, keeps no descriptor, and needs
// nothing but the C library: everything else is done by the watcher, outside.
//
// Source: ld.so(8), LD_PRELOAD; dlsym(3), RTLD_NEXT.
#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <whorl/guard/waiting_call.h>

#include <cerrno>
#include <cstdarg>
#include <cstdlib>
#include <ctime>
#include <type_traits>

#include "calls/preload/shared_memory.h"
#include "calls/real_function.h"

namespace whorl::detail {

constinit watched_loops* shared = nullptr;

namespace {

using calls::real_function;

// A thread's loop is one descriptor of epoll or io_uring, or one place in the code that calls poll or select.
struct own_loop {
  loop_place* place = nullptr;
  std::uintptr_t identity = 0;
  bool by_descriptor = false;
  std::uintptr_t candidate = 0;  // that waited last, and is not the loop
  unsigned candidate_waits = 0;
};

[[gnu::tls_model("initial-exec")]] constinit thread_local own_loop mine;

std::int64_t now() noexcept {
  timespec time{};
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1'000'000'000 + time.tv_nsec;
}

template <class Value>
void add(std::atomic<Value>& to, Value what) noexcept {  // one thread writes
  to.store(to.load(std::memory_order_relaxed) + what, std::memory_order_relaxed);
}

struct waiting {
  loop_wait in;
  int descriptor;       // -1: in poll and select
  std::uintptr_t site;  // the code that called

  bool by_descriptor() const noexcept { return descriptor >= 0; }
  std::uintptr_t identity() const noexcept { return by_descriptor() ? static_cast<std::uintptr_t>(descriptor) : site; }
};

[[gnu::noinline]] loop_place* take_place() noexcept {
  const pid_t process = ::getpid();
  for (loop_place& place : shared->places) {
    std::int32_t nobody = 0;
    if (place.process.load(std::memory_order_relaxed) == 0 && place.process.compare_exchange_strong(nobody, process)) {
      place.thread.store(static_cast<std::int32_t>(::syscall(SYS_gettid)), std::memory_order_release);
      return &place;
    }
  }
  shared->refused.fetch_add(1, std::memory_order_relaxed);
  return nullptr;
}

[[gnu::noinline]] void become(const waiting& wait) noexcept {
  const int kept_errno = errno;
  if (mine.place == nullptr) {
    mine.place = take_place();
  }
  errno = kept_errno;
  if (mine.place == nullptr) {
    return;
  }
  mine.identity = wait.identity();
  mine.by_descriptor = wait.by_descriptor();
  mine.place->descriptor.store(wait.descriptor, std::memory_order_relaxed);
  mine.place->waits_in.store(wait.in, std::memory_order_release);
  tell_calls();
  watch_calls_of_this_thread(&mine.place->beat);
}

bool is_closed(std::uintptr_t descriptor) noexcept {
  const int kept_errno = errno;
  const bool closed = ::fcntl(static_cast<int>(descriptor), F_GETFD) < 0;
  errno = kept_errno;
  return closed;
}

}  // namespace

bool loop_goes_on() noexcept { return !mine.by_descriptor || !is_closed(mine.identity); }

namespace {

// Whether this is not a wait inside of a turn, but a loop that this thread was not known to run: one of epoll or io_uring
// before any other, one of poll or select that waits in the same place again; or another one, after the first has gone.
[[gnu::noinline]] bool is_new_loop(const waiting& wait) noexcept {
  constexpr unsigned many = 16;
  mine.candidate_waits = mine.candidate == wait.identity() ? mine.candidate_waits + 1 : 1;
  mine.candidate = wait.identity();
  if (mine.place == nullptr) {
    return wait.by_descriptor() || mine.candidate_waits > 1;
  }
  if (wait.by_descriptor() != mine.by_descriptor) {
    return wait.by_descriptor();
  }
  return mine.candidate_waits > many || (wait.by_descriptor() && is_closed(mine.identity));
}

bool is_of_loop(const waiting& wait) noexcept {
  if (mine.place != nullptr && mine.identity == wait.identity() && mine.by_descriptor == wait.by_descriptor())
      [[likely]] {
    mine.candidate_waits = 0;
    return true;
  }
  if (!is_new_loop(wait)) {
    return false;
  }
  become(wait);
  return mine.place != nullptr;
}

// The sleep of a loop, between two turns; of anything else, nothing.
class sleep_of_loop {
 public:
  explicit sleep_of_loop(const waiting& wait) noexcept : place_(is_of_loop(wait) ? mine.place : nullptr) {
    if (place_ != nullptr) {
      end_turn(place_->beat.count());
    }
  }
  sleep_of_loop(const sleep_of_loop&) = delete;
  sleep_of_loop& operator=(const sleep_of_loop&) = delete;
  ~sleep_of_loop() {
    if (place_ != nullptr) {
      place_->began.store(now(), std::memory_order_relaxed);
      place_->beat.works();
    }
  }

 private:
  void end_turn(std::uint64_t beat) noexcept {
    if (heartbeat::resting(beat)) {
      return;  // the first wait of a loop, or one after a wait that was left by longjmp
    }
    const std::int64_t took = now() - place_->began.load(std::memory_order_relaxed);
    place_->turns.add(static_cast<std::uint64_t>(took));
    add(place_->in_turns, took);
    if (took > place_->longest.load(std::memory_order_relaxed)) {
      place_->longest.store(took, std::memory_order_relaxed);
    }
    if (took >= shared->limit.load(std::memory_order_relaxed)) {
      const std::uint64_t before = place_->long_turns.load(std::memory_order_relaxed);
      long_turn& kept = place_->latest_long[before % place_->latest_long.size()];
      kept.took.store(took, std::memory_order_relaxed);
      kept.beat.store(beat, std::memory_order_relaxed);
      place_->long_turns.store(before + 1, std::memory_order_relaxed);
    }
    place_->beat.rests();
  }

  loop_place* place_;
};

// A process that was forked has one thread, and it has not waited yet.
void start_afresh() noexcept {
  mine = own_loop{};
  watch_calls_of_this_thread(nullptr);
}

// What a process executes in its own place is watched as it was; what its children execute is another program.
[[gnu::constructor]] void begin() noexcept {
  const char* path = ::getenv(watched_loops_variable);
  const int file = path == nullptr ? -1 : ::open(path, O_RDWR | O_CLOEXEC);
  if (file < 0) {
    return;
  }
  void* memory = ::mmap(nullptr, sizeof(watched_loops), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  ::close(file);
  if (memory == MAP_FAILED) {
    return;
  }
  auto* found = static_cast<watched_loops*>(memory);
  if (found->program.load(std::memory_order_relaxed) != ::getpid()) {
    ::munmap(memory, sizeof(watched_loops));
    return;
  }
  for (loop_place& place : found->places) {  // of what this process executed before
    if (place.process.load(std::memory_order_relaxed) == ::getpid()) {
      place.beat.rests();
    }
  }
  ::pthread_atfork(nullptr, nullptr, &start_afresh);
  shared = found;
}

// As a loop's sleep, where somebody watches.
template <class Result, class... Arguments>
Result call(real_function<Result(Arguments...)>& real, const waiting& wait,
            std::type_identity_t<Arguments>... arguments) {
  if (shared == nullptr) {
    return real.get()(arguments...);
  }
  const sleep_of_loop sleeping(wait);
  return real.get()(arguments...);
}

// One that waits for no descriptor is a way to sleep.
template <class Result, class... Arguments>
Result call_for(std::size_t descriptors, real_function<Result(Arguments...)>& real, const waiting& wait,
                std::type_identity_t<Arguments>... arguments) {
  return descriptors == 0 ? real.get()(arguments...) : call(real, wait, arguments...);
}

template <class Count>
std::size_t counted(Count descriptors) noexcept {
  return descriptors > 0 ? static_cast<std::size_t>(descriptors) : 0;
}

constinit real_function<int(int, epoll_event*, int, int)> real_epoll_wait{"epoll_wait"};
constinit real_function<int(int, epoll_event*, int, int, const sigset_t*)> real_epoll_pwait{"epoll_pwait"};
constinit real_function<int(int, epoll_event*, int, const timespec*, const sigset_t*)> real_epoll_pwait2{
    "epoll_pwait2"};
constinit real_function<int(pollfd*, nfds_t, int)> real_poll{"poll"};
constinit real_function<int(pollfd*, nfds_t, const timespec*, const sigset_t*)> real_ppoll{"ppoll"};
constinit real_function<int(pollfd*, nfds_t, int, std::size_t)> real_poll_checked{"__poll_chk"};
constinit real_function<int(pollfd*, nfds_t, const timespec*, const sigset_t*, std::size_t)> real_ppoll_checked{
    "__ppoll_chk"};
constinit real_function<int(int, fd_set*, fd_set*, fd_set*, timeval*)> real_select{"select"};
constinit real_function<int(int, fd_set*, fd_set*, fd_set*, const timespec*, const sigset_t*)> real_pselect{"pselect"};
constinit real_function<long(long, long, long, long, long, long, long)> real_syscall{"syscall"};

waiting in_epoll(int descriptor) noexcept { return {.in = loop_wait::epoll, .descriptor = descriptor, .site = 0}; }

waiting in_code(loop_wait how, void* caller) noexcept {
  return {.in = how, .descriptor = -1, .site = reinterpret_cast<std::uintptr_t>(caller)};
}

}  // namespace

}  // namespace whorl::detail

// NOLINTBEGIN(bugprone-reserved-identifier)
#define WHORL_CALLER __builtin_return_address(0)
#define WHORL_PRELOADED extern "C" __attribute__((visibility("default")))

namespace guard = whorl::detail;

WHORL_PRELOADED int epoll_wait(int epoll, epoll_event* events, int most, int timeout) {
  return guard::call(guard::real_epoll_wait, guard::in_epoll(epoll), epoll, events, most, timeout);
}

WHORL_PRELOADED int epoll_pwait(int epoll, epoll_event* events, int most, int timeout, const sigset_t* mask) {
  return guard::call(guard::real_epoll_pwait, guard::in_epoll(epoll), epoll, events, most, timeout, mask);
}

WHORL_PRELOADED int epoll_pwait2(int epoll, epoll_event* events, int most, const timespec* timeout,
                                 const sigset_t* mask) {
  return guard::call(guard::real_epoll_pwait2, guard::in_epoll(epoll), epoll, events, most, timeout, mask);
}

WHORL_PRELOADED int poll(pollfd* wanted, nfds_t count, int timeout) {
  return guard::call_for(count, guard::real_poll, guard::in_code(guard::loop_wait::poll, WHORL_CALLER), wanted, count,
                         timeout);
}

WHORL_PRELOADED int ppoll(pollfd* wanted, nfds_t count, const timespec* timeout, const sigset_t* mask) {
  return guard::call_for(count, guard::real_ppoll, guard::in_code(guard::loop_wait::poll, WHORL_CALLER), wanted, count,
                         timeout, mask);
}

// What programs built with _FORTIFY_SOURCE call instead.
WHORL_PRELOADED int __poll_chk(pollfd* wanted, nfds_t count, int timeout, std::size_t size) {
  return guard::call_for(count, guard::real_poll_checked, guard::in_code(guard::loop_wait::poll, WHORL_CALLER), wanted,
                         count, timeout, size);
}

WHORL_PRELOADED int __ppoll_chk(pollfd* wanted, nfds_t count, const timespec* timeout, const sigset_t* mask,
                                std::size_t size) {
  return guard::call_for(count, guard::real_ppoll_checked, guard::in_code(guard::loop_wait::poll, WHORL_CALLER), wanted,
                         count, timeout, mask, size);
}

WHORL_PRELOADED int select(int end, fd_set* reading, fd_set* writing, fd_set* failing, timeval* timeout) {
  return guard::call_for(guard::counted(end), guard::real_select,
                         guard::in_code(guard::loop_wait::select, WHORL_CALLER), end, reading, writing, failing,
                         timeout);
}

WHORL_PRELOADED int pselect(int end, fd_set* reading, fd_set* writing, fd_set* failing, const timespec* timeout,
                            const sigset_t* mask) {
  return guard::call_for(guard::counted(end), guard::real_pselect,
                         guard::in_code(guard::loop_wait::select, WHORL_CALLER), end, reading, writing, failing,
                         timeout, mask);
}

// io_uring has no function of its own in the C library. A call that waits for no completion only submits.
WHORL_PRELOADED long syscall(long number, ...) noexcept {
  va_list rest;
  va_start(rest, number);
  long arguments[6];
  for (long& each : arguments) {
    each = va_arg(rest, long);
  }
  va_end(rest);
  const auto [first, second, third, fourth, fifth, sixth] = arguments;
  if (number != SYS_io_uring_enter || third == 0) {
    return guard::real_syscall.get()(number, first, second, third, fourth, fifth, sixth);
  }
  const guard::waiting wait{.in = guard::loop_wait::uring, .descriptor = static_cast<int>(first), .site = 0};
  return guard::call(guard::real_syscall, wait, number, first, second, third, fourth, fifth, sixth);
}
// NOLINTEND(bugprone-reserved-identifier)
