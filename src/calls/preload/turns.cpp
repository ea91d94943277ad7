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
#include "calls/wrapper.h"

namespace whorl::detail {

constinit watched_loops* shared = nullptr;

namespace {

using calls::real_function;

struct waiting {
  loop_wait in = loop_wait::none;
  const char* function = "";
  int descriptor = -1;  // -1: in poll and select
  call_site at{};       // the code that called
  bool lasts = true;    // its time-out is not zero
  bool for_any = true;  // descriptor at all: without one it is a way to sleep, which some loops have

  bool by_descriptor() const noexcept { return descriptor >= 0; }
  std::uintptr_t identity() const noexcept {
    return by_descriptor() ? static_cast<std::uintptr_t>(descriptor) : reinterpret_cast<std::uintptr_t>(at.returns_to);
  }
  // Of poll and select: not called from inside of what the other one's caller called.
  bool is_as_far_out(const call_site& other) const noexcept { return !by_descriptor() && at.frame >= other.frame; }
};

// A thread's loop is one descriptor of epoll or io_uring, or one place in the code that calls poll or select.
struct own_loop {
  loop_place* place = nullptr;
  std::uintptr_t identity = 0;
  bool by_descriptor = false;
  call_site at{};
  waiting candidate{};  // that waited last, and is not the loop
  unsigned candidate_waits = 0;
  bool has_turns = false;  // a thread that never wakes, as of a pool, makes its program none with a loop
  bool refused = false;    // there was no place
  std::uint32_t refused_at = 0;
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

// In a container that the program made its processes have other numbers, by which the watcher would find others.
bool is_numbered_as_the_watcher() noexcept {
  const std::uint64_t own = numbering_of_processes();
  return own == 0 || own == shared->numbering.load(std::memory_order_relaxed);
}

// A thread that was refused asks again when places were given back.
[[gnu::noinline]] loop_place* take_place() noexcept {
  const std::uint32_t given_back = shared->given_back.load(std::memory_order_acquire);
  if (mine.refused && mine.refused_at == given_back) {
    return nullptr;
  }
  if (is_numbered_as_the_watcher()) {
    const pid_t process = ::getpid();
    for (loop_place& place : shared->places) {
      std::int32_t nobody = 0;
      if (place.process.load(std::memory_order_relaxed) == 0 &&
          place.process.compare_exchange_strong(nobody, process)) {
        place.thread.store(static_cast<std::int32_t>(::syscall(SYS_gettid)), std::memory_order_release);
        shared->refused.fetch_sub(mine.refused ? 1 : 0, std::memory_order_relaxed);
        mine.refused = false;
        return &place;
      }
    }
  }
  shared->refused.fetch_add(mine.refused ? 0 : 1, std::memory_order_relaxed);
  mine.refused = true;
  mine.refused_at = given_back;
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
  mine.at = wait.at;
  mine.place->descriptor.store(wait.descriptor, std::memory_order_relaxed);
  mine.place->waits_in.store(wait.in, std::memory_order_release);
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
// before any other, one of poll or select that waits in the same place again, or in another one as far out; or another one,
// after the first has gone.
[[gnu::noinline]] bool is_new_loop(const waiting& wait) noexcept {
  constexpr unsigned many = 16;
  const bool again = mine.candidate.by_descriptor() == wait.by_descriptor() &&
                     (mine.candidate.identity() == wait.identity() || wait.is_as_far_out(mine.candidate.at));
  mine.candidate_waits = again ? mine.candidate_waits + 1 : 1;
  mine.candidate = wait;
  if (mine.place == nullptr) {
    return wait.by_descriptor() || mine.candidate_waits > 1;
  }
  if (wait.by_descriptor() != mine.by_descriptor) {
    return wait.by_descriptor();
  }
  return mine.candidate_waits > many || wait.is_as_far_out(mine.at) ||
         (wait.by_descriptor() && is_closed(mine.identity));
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
  bool of_a_loop() const noexcept { return place_ != nullptr; }
  ~sleep_of_loop() {
    if (place_ != nullptr) {
      place_->began.store(now(), std::memory_order_relaxed);
      place_->beat.works();
      if (!mine.has_turns) [[unlikely]] {
        mine.has_turns = true;
        tell_calls();
      }
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
    if (calls_are_kept) [[unlikely]] {
      tell_calls_of_turn();
    }
    place_->beat.rests();
  }

  loop_place* place_;
};

// A process that was forked has one thread, and it has not waited yet.
void start_afresh() noexcept {
  mine = own_loop{};
  forget_calls_of_turn();
  watch_calls_of_this_thread(nullptr);
}

// What a process executes in its own place is watched as it was; what its children execute is another program.
[[gnu::constructor]] void begin() noexcept {
  const char* path = ::getenv(watched_loops_variable);
  take_library_out_of_environment();
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

// As a loop's sleep, where somebody watches; or as a wait in the middle of a turn.
template <class Result, class... Arguments>
Result call(real_function<Result(Arguments...)>& real, const waiting& wait,
            std::type_identity_t<Arguments>... arguments) {
  if (shared == nullptr || observing || !wait.for_any) {
    return real.get()(arguments...);
  }
  if (const sleep_of_loop sleeping(wait); sleeping.of_a_loop()) [[likely]] {
    return real.get()(arguments...);
  }
  if (!wait.lasts || !calls_are_watched()) {
    return real.get()(arguments...);
  }
  const calls::told_call told({.function = wait.function, .at = wait.at},
                              [&wait] { return calls::waits(facts::blocking_class::loop, wait.descriptor); });
  return real.get()(arguments...);
}

// One that is made now, with the number of the loop's, says that that was closed.
int new_descriptor(int made) noexcept {
  const bool replaces =
      mine.place != nullptr && mine.by_descriptor && made >= 0 && mine.identity == static_cast<std::uintptr_t>(made);
  if (replaces && !heartbeat::resting(mine.place->beat.count())) {
    mine.place->beat.rests();
    forget_calls_of_turn();
  }
  return made;
}

bool lasts(const timespec* limit) noexcept { return limit == nullptr || limit->tv_sec != 0 || limit->tv_nsec != 0; }
bool lasts(const timeval* limit) noexcept { return limit == nullptr || limit->tv_sec != 0 || limit->tv_usec != 0; }
bool lasts(int milliseconds) noexcept { return milliseconds != 0; }

constinit real_function<int(int)> real_epoll_create{"epoll_create"};
constinit real_function<int(int)> real_epoll_create1{"epoll_create1"};
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

}  // namespace

}  // namespace whorl::detail

// NOLINTBEGIN(bugprone-reserved-identifier)
#define WHORL_PRELOADED extern "C" __attribute__((visibility("default")))
#define WHORL_AT {.returns_to = __builtin_return_address(0), .frame = __builtin_frame_address(0), .wrapper = nullptr}
#define WHORL_IN_EPOLL(name)      \
  {.in = guard::loop_wait::epoll, \
   .function = #name,             \
   .descriptor = epoll,           \
   .at = WHORL_AT,                \
   .lasts = guard::lasts(timeout)}
#define WHORL_IN_CODE(kind, name, count) \
  {.in = guard::loop_wait::kind,         \
   .function = #name,                    \
   .at = WHORL_AT,                       \
   .lasts = guard::lasts(timeout),       \
   .for_any = (count) > 0}

namespace guard = whorl::detail;

WHORL_PRELOADED int epoll_create(int size) noexcept {
  return guard::new_descriptor(guard::real_epoll_create.get()(size));
}

WHORL_PRELOADED int epoll_create1(int flags) noexcept {
  return guard::new_descriptor(guard::real_epoll_create1.get()(flags));
}

WHORL_PRELOADED int epoll_wait(int epoll, epoll_event* events, int most, int timeout) {
  return guard::call(guard::real_epoll_wait, WHORL_IN_EPOLL(epoll_wait), epoll, events, most, timeout);
}

WHORL_PRELOADED int epoll_pwait(int epoll, epoll_event* events, int most, int timeout, const sigset_t* mask) {
  return guard::call(guard::real_epoll_pwait, WHORL_IN_EPOLL(epoll_pwait), epoll, events, most, timeout, mask);
}

WHORL_PRELOADED int epoll_pwait2(int epoll, epoll_event* events, int most, const timespec* timeout,
                                 const sigset_t* mask) {
  return guard::call(guard::real_epoll_pwait2, WHORL_IN_EPOLL(epoll_pwait2), epoll, events, most, timeout, mask);
}

WHORL_PRELOADED int poll(pollfd* wanted, nfds_t count, int timeout) {
  return guard::call(guard::real_poll, WHORL_IN_CODE(poll, poll, count), wanted, count, timeout);
}

WHORL_PRELOADED int ppoll(pollfd* wanted, nfds_t count, const timespec* timeout, const sigset_t* mask) {
  return guard::call(guard::real_ppoll, WHORL_IN_CODE(poll, ppoll, count), wanted, count, timeout, mask);
}

// What programs built with _FORTIFY_SOURCE call instead.
WHORL_PRELOADED int __poll_chk(pollfd* wanted, nfds_t count, int timeout, std::size_t size) {
  return guard::call(guard::real_poll_checked, WHORL_IN_CODE(poll, poll, count), wanted, count, timeout, size);
}

WHORL_PRELOADED int __ppoll_chk(pollfd* wanted, nfds_t count, const timespec* timeout, const sigset_t* mask,
                                std::size_t size) {
  return guard::call(guard::real_ppoll_checked, WHORL_IN_CODE(poll, ppoll, count), wanted, count, timeout, mask, size);
}

WHORL_PRELOADED int select(int end, fd_set* reading, fd_set* writing, fd_set* failing, timeval* timeout) {
  return guard::call(guard::real_select, WHORL_IN_CODE(select, select, end), end, reading, writing, failing, timeout);
}

WHORL_PRELOADED int pselect(int end, fd_set* reading, fd_set* writing, fd_set* failing, const timespec* timeout,
                            const sigset_t* mask) {
  return guard::call(guard::real_pselect, WHORL_IN_CODE(select, pselect, end), end, reading, writing, failing, timeout,
                     mask);
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
  const guard::waiting wait{.in = guard::loop_wait::uring,
                            .function = "io_uring_enter",
                            .descriptor = static_cast<int>(first),
                            .at = WHORL_AT};
  return guard::call(guard::real_syscall, wait, number, first, second, third, fourth, fifth, sixth);
}
// NOLINTEND(bugprone-reserved-identifier)
