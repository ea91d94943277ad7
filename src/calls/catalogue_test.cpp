// The catalogue: stalls of every kind planted in every place of a program where a loop runs code. The guard must tell of
// each, name the call and the line that makes it, and say nothing of the same program where nothing waits.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <netdb.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/select.h>
#include <sys/uio.h>
#include <threads.h>
#include <whorl/deferred/log.h>
#include <whorl/guard/call_watch.h>
#include <whorl/guard/permit_blocking.h>
#include <whorl/guard/stall_watch.h>
#include <whorl/net/endpoint.h>
#include <whorl/reactor/looping_call.h>
#include <whorl/reactor/reactor.h>

#include <algorithm>
#include <future>
#include <latch>
#include <map>
#include <memory>
#include <numeric>
#include <semaphore>
#include <shared_mutex>
#include <string_view>

#include "calls/planted_stalls.h"
#include "guard/teller.h"

namespace whorl {
namespace {

using namespace std::chrono_literals;

enum class place : std::uint8_t {
  callback,
  posted_call,
  coroutine,
  timer,
  deferred_callback,
  errback,
  destructor,
  dropped_coroutine,
  factory,
  connection_made,
  data_received,
  connection_lost,
  protocol_destructor,
  stream_server,
  shutdown_step,
};

constexpr std::array place_names{
    "a timed call",  "a posted call",   "a coroutine",   "a looping call",  "a callback",
    "an errback",    "a destructor",    "a dropped one", "a factory",       "connection_made",
    "data_received", "connection_lost", "~protocol",     "a stream server", "a shutdown step",
};

struct planted {
  const char* name;
  place where;
  const char* call;  // that the guard must name; "": it computes
  void (*fault)(scene&);
  int line;
};

struct flock record(short kind) {
  struct flock whole{};
  whole.l_type = kind;
  whole.l_whence = SEEK_SET;
  return whole;
}

void lock_record(int file, short kind) {
  struct flock whole = record(kind);
  ::fcntl(file, F_OFD_SETLKW, &whole);
}

template <class T>
void use(const T& result) {
  __asm__ volatile("" : : "r"(&result) : "memory");
}

std::chrono::nanoseconds processor_time() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

// What computes for the time of the stall, however long that takes. Each looks at the clock seldom.
template <class Step>
[[gnu::noinline]] void compute(const scene& s, Step step) {
  const auto until = processor_time() + (s.faulty ? s.stall : 0ms);
  while (processor_time() < until) {
    for (int i = 0; i < 100; ++i) step();
  }
}

// io_uring wakes a thread that sleeps in epoll_wait or semtimedop, which then fail with EINTR: these are called again.
// clang-format off
const std::vector<planted>& catalogue() {
  using enum place;
  static const std::vector<planted> all{
    {"read an empty pipe", callback, "read", [](scene& s) { use(::read(s.empty_pipe(), s.bytes.data(), 1)); }, __LINE__},
    {"readv an empty pipe", coroutine, "readv", [](scene& s) { iovec to{s.bytes.data(), 1}; use(::readv(s.empty_pipe(), &to, 1)); }, __LINE__},
    {"write to a full pipe", data_received, "write", [](scene& s) { use(::write(s.full_pipe(), "x", 1)); }, __LINE__},
    {"writev to a full pipe", timer, "writev", [](scene& s) { iovec from{s.bytes.data(), 1}; use(::writev(s.full_pipe(), &from, 1)); }, __LINE__},
    {"recv from a silent peer", data_received, "recv", [](scene& s) { use(::recv(s.silent_socket(), s.bytes.data(), 1, 0)); }, __LINE__},
    {"recvfrom a silent peer", connection_made, "recvfrom", [](scene& s) { use(::recvfrom(s.silent_socket(), s.bytes.data(), 1, 0, nullptr, nullptr)); }, __LINE__},
    {"recvmsg from a silent peer", posted_call, "recvmsg", [](scene& s) { iovec to{s.bytes.data(), 1}; msghdr m{}; m.msg_iov = &to; m.msg_iovlen = 1; use(::recvmsg(s.silent_socket(), &m, 0)); }, __LINE__},
    {"send to a peer that is full", coroutine, "send", [](scene& s) { use(::send(s.full_socket(), s.bytes.data(), 1, 0)); }, __LINE__},
    {"sendto a peer that is full", connection_lost, "sendto", [](scene& s) { use(::sendto(s.full_socket(), s.bytes.data(), 1, 0, nullptr, 0)); }, __LINE__},
    {"sendmsg to a peer that is full", deferred_callback, "sendmsg", [](scene& s) { iovec from{s.bytes.data(), 1}; msghdr m{}; m.msg_iov = &from; m.msg_iovlen = 1; use(::sendmsg(s.full_socket(), &m, 0)); }, __LINE__},
    {"accept nobody", stream_server, "accept", [](scene& s) { s.keep(::accept(s.lonely_listener(), nullptr, nullptr)); }, __LINE__},
    {"accept4 nobody", factory, "accept4", [](scene& s) { s.keep(::accept4(s.lonely_listener(), nullptr, nullptr, SOCK_CLOEXEC)); }, __LINE__},
    {"open a FIFO that nobody writes", coroutine, "open", [](scene& s) { if (s.faulty) s.keep(::open(s.fifo().c_str(), O_RDONLY | O_CLOEXEC)); }, __LINE__},
    {"openat a FIFO that nobody writes", timer, "openat", [](scene& s) { if (s.faulty) s.keep(::openat(AT_FDCWD, s.fifo().c_str(), O_RDONLY | O_CLOEXEC)); }, __LINE__},
    {"poll with a time-out", callback, "poll", [](scene& s) { ::poll(nullptr, 0, s.milliseconds()); }, __LINE__},
    {"ppoll with a time-out", data_received, "ppoll", [](scene& s) { const timespec t = s.time(); ::ppoll(nullptr, 0, &t, nullptr); }, __LINE__},
    {"select with a time-out", timer, "select", [](scene& s) { timeval t{0, s.milliseconds() * 1000}; ::select(0, nullptr, nullptr, nullptr, &t); }, __LINE__},
    {"pselect with a time-out", errback, "pselect", [](scene& s) { const timespec t = s.time(); ::pselect(0, nullptr, nullptr, nullptr, &t, nullptr); }, __LINE__},
    {"epoll_wait with a time-out", coroutine, "epoll_wait", [](scene& s) { epoll_event e; const int f = s.keep(::epoll_create1(0)); while (::epoll_wait(f, &e, 1, s.milliseconds()) < 0) {} }, __LINE__},
    {"epoll_pwait with a time-out", destructor, "epoll_pwait", [](scene& s) { epoll_event e; const int f = s.keep(::epoll_create1(0)); while (::epoll_pwait(f, &e, 1, s.milliseconds(), nullptr) < 0) {} }, __LINE__},
    {"usleep", callback, "usleep", [](scene& s) { ::usleep(static_cast<useconds_t>(s.milliseconds()) * 1000); }, __LINE__},
    {"nanosleep", coroutine, "nanosleep", [](scene& s) { const timespec t = s.time(); ::nanosleep(&t, nullptr); }, __LINE__},
    {"clock_nanosleep", timer, "clock_nanosleep", [](scene& s) { const timespec t = s.time(); ::clock_nanosleep(CLOCK_MONOTONIC, 0, &t, nullptr); }, __LINE__},
    {"clock_nanosleep until", connection_made, "clock_nanosleep", [](scene& s) { const timespec t = s.until(CLOCK_MONOTONIC); ::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, nullptr); }, __LINE__},
    {"thrd_sleep", dropped_coroutine, "thrd_sleep", [](scene& s) { const timespec t = s.time(); ::thrd_sleep(&t, nullptr); }, __LINE__},
    {"std::this_thread::sleep_for", data_received, "nanosleep", [](scene& s) { std::this_thread::sleep_for(std::chrono::milliseconds(s.milliseconds())); }, __LINE__},
    {"std::this_thread::sleep_until", shutdown_step, "nanosleep", [](scene& s) { std::this_thread::sleep_until(std::chrono::steady_clock::now() + std::chrono::milliseconds(s.milliseconds())); }, __LINE__},
    {"waitpid a child", callback, "waitpid", [](scene& s) { ::waitpid(s.child(), nullptr, 0); }, __LINE__},
    {"wait for any child", coroutine, "wait", [](scene& s) { s.child(); ::wait(nullptr); }, __LINE__},
    {"waitid a child", timer, "waitid", [](scene& s) { siginfo_t i; ::waitid(P_PID, static_cast<id_t>(s.child()), &i, WEXITED); }, __LINE__},
    {"wait4 a child", shutdown_step, "wait4", [](scene& s) { ::wait4(s.child(), nullptr, 0, nullptr); }, __LINE__},
    {"wait3 any child", protocol_destructor, "wait3", [](scene& s) { s.child(); ::wait3(nullptr, 0, nullptr); }, __LINE__},
    {"system a slow command", posted_call, "system", [](scene& s) { use(std::system(s.slow_command())); }, __LINE__},
    {"pclose a slow command", coroutine, "pclose", [](scene& s) { if (s.faulty) { FILE* f = ::popen(s.slow_command(), "r"); ::pclose(f); } }, __LINE__},
    {"sem_wait", data_received, "sem_wait", [](scene& s) { sem_t e; ::sem_init(&e, 0, 0); s.release([&e] { ::sem_post(&e); }); ::sem_wait(&e); s.join(); }, __LINE__},
    {"sem_timedwait", coroutine, "sem_timedwait", [](scene& s) { sem_t e; ::sem_init(&e, 0, s.faulty ? 0 : 1); const timespec t = s.until(); ::sem_timedwait(&e, &t); }, __LINE__},
    {"sem_clockwait", timer, "sem_clockwait", [](scene& s) { sem_t e; ::sem_init(&e, 0, s.faulty ? 0 : 1); const timespec t = s.until(CLOCK_MONOTONIC); ::sem_clockwait(&e, CLOCK_MONOTONIC, &t); }, __LINE__},
    {"pthread_join", callback, "pthread_join", [](scene& s) { if (s.faulty) ::pthread_join(s.thread(), nullptr); }, __LINE__},
    {"std::thread::join", shutdown_step, "pthread_join", [](scene& s) { if (s.faulty) { std::thread t([&s] { std::this_thread::sleep_for(s.stall); }); t.join(); } }, __LINE__},
    {"pthread_mutex_lock", connection_made, "pthread_mutex_lock", [](scene& s) { pthread_mutex_t* m = s.mutex.native_handle(); s.held_by_another([m] { ::pthread_mutex_lock(m); }, [m] { ::pthread_mutex_unlock(m); }); ::pthread_mutex_lock(m); ::pthread_mutex_unlock(m); }, __LINE__},
    {"std::mutex", coroutine, "pthread_mutex_lock", [](scene& s) { s.held_by_another([&s] { s.mutex.lock(); }, [&s] { s.mutex.unlock(); }); s.mutex.lock(); s.mutex.unlock(); }, __LINE__},
    {"std::scoped_lock", data_received, "pthread_mutex_lock", [](scene& s) { s.held_by_another([&s] { s.mutex.lock(); }, [&s] { s.mutex.unlock(); }); const std::scoped_lock lock(s.mutex); }, __LINE__},
    {"std::shared_mutex", timer, "pthread_rwlock_wrlock", [](scene& s) { static std::shared_mutex m; s.held_by_another([] { m.lock(); }, [] { m.unlock(); }); m.lock(); m.unlock(); }, __LINE__},
    {"a shared lock", destructor, "pthread_rwlock_rdlock", [](scene& s) { static std::shared_mutex m; s.held_by_another([] { m.lock(); }, [] { m.unlock(); }); m.lock_shared(); m.unlock_shared(); }, __LINE__},
    {"std::condition_variable::wait", callback, "pthread_cond_wait", [](scene& s) { bool on = !s.faulty; std::unique_lock lock(s.mutex); s.release([&] { if (s.faulty) { std::scoped_lock l(s.mutex); on = true; s.changed.notify_all(); } }); while (!on) s.changed.wait(lock); }, __LINE__},
    {"std::condition_variable::wait_for", coroutine, "pthread_cond_clockwait", [](scene& s) { std::unique_lock lock(s.mutex); if (s.faulty) s.changed.wait_for(lock, s.stall); }, __LINE__},
    {"pthread_barrier_wait", timer, "pthread_barrier_wait", [](scene& s) { if (s.faulty) { pthread_barrier_t b; ::pthread_barrier_init(&b, nullptr, 2); s.release([&b] { ::pthread_barrier_wait(&b); }); ::pthread_barrier_wait(&b); s.join(); } }, __LINE__},
    {"std::future::get", coroutine, "futex", [](scene& s) { std::promise<int> p; auto f = p.get_future(); s.release([&p] { p.set_value(1); }); f.get(); s.join(); }, __LINE__},
    {"std::latch::wait", data_received, "futex", [](scene& s) { std::latch l(1); s.release([&l] { l.count_down(); }); l.wait(); s.join(); }, __LINE__},
    {"std::atomic::wait", errback, "futex", [](scene& s) { std::atomic<int> a = 0; s.release([&a] { a = 1; a.notify_all(); }); a.wait(0); s.join(); }, __LINE__},
    {"flock a file", callback, "flock", [](scene& s) { const int f = s.file(); const int g = s.opened_again(f); s.held_by_another([g] { ::flock(g, LOCK_EX); }, [g] { ::flock(g, LOCK_UN); }); ::flock(f, LOCK_EX); }, __LINE__},
    {"lock a record of a file", timer, "fcntl", [](scene& s) { const int f = s.file(); const int g = s.opened_again(f); s.held_by_another([g] { lock_record(g, F_WRLCK); }, [g] { lock_record(g, F_UNLCK); }); struct flock l = record(F_WRLCK); ::fcntl(f, F_OFD_SETLKW, &l); }, __LINE__},
    {"sigwait", callback, "sigwait", [](scene& s) { const sigset_t w = s.coming_signal(); int n = 0; ::sigwait(&w, &n); }, __LINE__},
    {"sigwaitinfo", coroutine, "sigwaitinfo", [](scene& s) { const sigset_t w = s.coming_signal(); ::sigwaitinfo(&w, nullptr); }, __LINE__},
    {"sigtimedwait", timer, "sigtimedwait", [](scene& s) { sigset_t w; sigemptyset(&w); const timespec t = s.time(); ::sigtimedwait(&w, nullptr, &t); }, __LINE__},
    {"msgrcv from an empty queue", callback, "msgrcv", [](scene& s) { if (s.faulty) { const int q = ::msgget(IPC_PRIVATE, 0600); s.release([q] { ::msgctl(q, IPC_RMID, nullptr); }); use(::msgrcv(q, s.bytes.data(), 1, 0, 0)); } }, __LINE__},
    {"semtimedop", coroutine, "semtimedop", [](scene& s) { if (s.faulty) { const int q = ::semget(IPC_PRIVATE, 1, 0600); sembuf b{0, -1, 0}; const timespec t = s.time(); while (::semtimedop(q, &b, 1, &t) < 0 && errno == EINTR) {} ::semctl(q, 0, IPC_RMID); } }, __LINE__},
    {"fgets from an empty stream", stream_server, "fgets", [](scene& s) { use(std::fgets(s.bytes.data(), 2, s.empty_stream())); }, __LINE__},
    {"fread from an empty stream", callback, "fread", [](scene& s) { use(std::fread(s.bytes.data(), 1, 2, s.empty_stream())); }, __LINE__},
    {"fgetc from an empty stream", timer, "fgetc", [](scene& s) { use(std::fgetc(s.empty_stream())); }, __LINE__},
    {"getline from an empty stream", data_received, "getline", [](scene& s) { use(::getline(&s.line, &s.room, s.empty_stream())); }, __LINE__},
    {"fwrite to a full stream", coroutine, "fwrite", [](scene& s) { use(std::fwrite("x", 1, 1, s.full_stream())); }, __LINE__},
    {"fputs to a full stream", connection_lost, "fputs", [](scene& s) { std::fputs("two", s.full_stream()); }, __LINE__},
    {"fsync", callback, "fsync", [](scene& s) { if (s.faulty) ::fsync(s.file()); }, __LINE__},
    {"fdatasync", coroutine, "fdatasync", [](scene& s) { if (s.faulty) ::fdatasync(s.file()); }, __LINE__},
    {"getaddrinfo", connection_made, "getaddrinfo", [](scene& s) { addrinfo* a = nullptr; ::getaddrinfo(s.faulty ? "localhost" : "127.0.0.1", nullptr, nullptr, &a); ::freeaddrinfo(a); }, __LINE__},
    {"gethostbyname", coroutine, "gethostbyname", [](scene& s) { ::gethostbyname(s.faulty ? "localhost" : "127.0.0.1"); }, __LINE__},

    {"computes in a callback", callback, "", [](scene& s) { compute(s, [] { use(0); }); }, __LINE__},
    {"sorts in a coroutine", coroutine, "", [](scene& s) { compute(s, [&s] { std::ranges::sort(s.bytes.begin(), s.bytes.begin() + 100); }); }, __LINE__},
    {"sums in a timer", timer, "", [](scene& s) { compute(s, [&s] { use(std::accumulate(s.bytes.begin(), s.bytes.begin() + 100, 0)); }); }, __LINE__},
    {"builds strings in a protocol", data_received, "", [](scene& s) { compute(s, [] { use(std::string(100, 'x') + "y"); }); }, __LINE__},
    {"fills a map in a posted call", posted_call, "", [](scene& s) { compute(s, [] { use(std::map<int, int>{{1, 1}, {2, 2}}); }); }, __LINE__},
    {"reads the clock again and again", coroutine, "", [](scene& s) { compute(s, [] { use(std::chrono::system_clock::now()); }); }, __LINE__},
    {"computes in a destructor", destructor, "", [](scene& s) { compute(s, [] { use(1); }); }, __LINE__},
    {"computes in connection_made", connection_made, "", [](scene& s) { compute(s, [] { use(2); }); }, __LINE__},
    {"computes in connection_lost", connection_lost, "", [](scene& s) { compute(s, [] { use(3); }); }, __LINE__},
    {"computes at the shutdown", shutdown_step, "", [](scene& s) { compute(s, [] { use(4); }); }, __LINE__},
    {"spins on a variable", stream_server, "", [](scene& s) { std::atomic<bool> on = !s.faulty; s.release([&on] { on = true; }); while (!on) {} s.join(); }, __LINE__},
  };
  return all;
}
// clang-format on

// What the guard wrote, taken apart.
class told_lines {
 public:
  told_lines() : before_(set_log_sink([this](log_level, std::string_view line) { add(line); })) {}
  told_lines(const told_lines&) = delete;
  told_lines& operator=(const told_lines&) = delete;
  ~told_lines() { set_log_sink(before_); }

  // Those of a loop since the last taking.
  std::vector<std::string> take() {
    detail::wait_until_told();
    const std::scoped_lock lock(access_);
    return std::exchange(lines_, {});
  }

 private:
  void add(std::string_view line) {
    const std::scoped_lock lock(access_);
    lines_.emplace_back(line);
  }

  std::mutex access_;
  std::vector<std::string> lines_;
  log_sink before_;
};

// One run of one stall's code, in its place.
struct act {
  const planted& what;
  scene& with;
  bool acted = false;
  promise<void> done{};

  void now() {
    what.fault(with);
    acted = true;
    if (!done.fired()) done.callback();
  }
};

struct acts_when_destroyed {
  act* mine;
  explicit acts_when_destroyed(act& mine_now) noexcept : mine(&mine_now) {}
  acts_when_destroyed(const acts_when_destroyed&) = delete;
  acts_when_destroyed& operator=(const acts_when_destroyed&) = delete;
  ~acts_when_destroyed() { mine->now(); }
};

class acting_protocol : public protocol {
 public:
  explicit acting_protocol(act& mine) : mine_(mine) {}
  ~acting_protocol() override { act_in(place::protocol_destructor); }
  void connection_made(transport& connection) override {
    connection_ = &connection;
    act_in(place::connection_made);
  }
  void data_received(bytes_view) override {
    act_in(place::data_received);
    connection_->lose_connection();
  }
  void connection_lost(const failure&) override { act_in(place::connection_lost); }

 private:
  void act_in(place here) {
    if (mine_.what.where == here) mine_.now();
  }

  act& mine_;
  transport* connection_ = nullptr;
};

deferred<void> act_after_a_moment(reactor& loop, act& mine) {
  co_await loop.sleep(1ms);
  mine.now();
}

deferred<void> never_resumed(reactor& loop, act& mine) {
  const acts_when_destroyed local(mine);
  co_await loop.sleep(1h);
}

deferred<void> serve_one(act& mine, stream peer) {
  auto asked = co_await peer.read();
  if (mine.what.where == place::stream_server) mine.now();
}

deferred<void> act_in_the_net(reactor& loop, act& mine) {
  auto build = [&mine](const address&) {
    if (mine.what.where == place::factory) mine.now();
    return std::make_unique<acting_protocol>(mine);
  };
  const bool streams = mine.what.where == place::stream_server;
  auto serve = [&mine](stream peer) { return serve_one(mine, std::move(peer)); };
  std::string where = "tcp:127.0.0.1:0";
  auto listening = streams ? listen_streams(loop, where, std::move(serve)) : listen(loop, where, std::move(build));
  auto port = co_await std::move(listening);
  auto client = co_await connect(loop, port.local_address().to_string());
  co_await client.write("x");
  auto end = co_await client.read();
  co_await client.close();
}

deferred<void> act_in_a_timer(reactor& loop, act& mine) {
  int beats = 0;
  looping_call* itself = nullptr;
  looping_call beating(loop, [&] {
    if (++beats == 2) {
      mine.now();
      itself->stop();
    }
  });
  itself = &beating;
  co_await beating.start(1ms);
}

deferred<void> act_in_place(reactor& loop, act& mine) {
  switch (mine.what.where) {
    using enum place;
    case callback: loop.call_later(0s, [&mine] { mine.now(); }).detach(); break;
    case posted_call: loop.call_from_thread([&mine] { mine.now(); }); break;
    case coroutine: return act_after_a_moment(loop, mine);
    case timer: return act_in_a_timer(loop, mine);
    case deferred_callback: return loop.sleep(1ms).add_callback([&mine] { mine.now(); });
    case errback: {
      auto failing = loop.sleep(1ms).add_callback([]() -> result<void> { return std::unexpected(errc::not_found); });
      return std::move(failing).add_errback([&mine](const failure&) { mine.now(); });
    }
    case destructor:
      loop.call_later(0s, [owned = std::make_unique<acts_when_destroyed>(mine)]() mutable { owned.reset(); }).detach();
      break;
    case dropped_coroutine:
      loop.call_later(0s, [&loop, &mine] { auto dropped = never_resumed(loop, mine); }).detach();
      break;
    case shutdown_step: break;
    default: return act_in_the_net(loop, mine);
  }
  return mine.done.get_deferred();
}

// A loop of its own for each, with both guards.
void plant(const planted& what, bool faulty, std::chrono::milliseconds stall) {
  scene things(faulty, stall);
  act mine{.what = what, .with = things};
  reactor loop;
  const stall_watch stalls(loop, {.name = what.name, .limit = 20ms});
  const call_watch calls(loop, {.name = what.name});
  if (what.where == place::shutdown_step) {
    auto step = loop.before_shutdown([&loop, &mine] { return act_after_a_moment(loop, mine); });
    loop.stop();
    loop.run();
    return;
  }
  auto acting = act_in_place(loop, mine);
  while (!acting.ready() || !mine.acted) loop.turn(loop.now() + 10ms);
}

struct catch_of {
  bool by_call = false;   // told of before it waited, by the wrapper
  bool by_stall = false;  // told of while it did, by the watch
  std::string wrong;      // the lines that do not name the call and where it is made

  void add(const catch_of& again) {
    by_call = by_call || again.by_call;
    by_stall = by_stall || again.by_stall;
    wrong += again.wrong;
  }
};

catch_of judge(const planted& what, const std::vector<std::string>& lines) {
  catch_of caught;
  const bool computes = *what.call == '\0';
  const std::string call = fmt::format("call={} ", computes ? "\"none that waits\"" : what.call);
  const std::string here = fmt::format("{}catalogue_test.cpp:{}", computes ? "" : "at=", what.line);
  bool any_right = false;
  for (const std::string& line : lines) {
    const bool before = line.contains("a call that waits was made on the loop");
    if (!before && !line.contains("the loop is held up")) continue;
    (before ? caught.by_call : caught.by_stall) = true;
    const bool right = line.contains(call) && line.contains(here);
    any_right = any_right || right;
    if (!right) caught.wrong += line + '\n';
  }
  // One look at a thread that runs may fall into a function of a library that hides who called it; not every one does.
  if (computes && any_right) caught.wrong.clear();
  return caught;
}

TEST(Catalogue, EveryPlantedStallIsToldOfWithItsCallAndLine) {
  told_lines told;
  const kept_debug_information kept;
  ASSERT_GE(catalogue().size(), 60U);
  int calls = 0;
  int stalls = 0;
  for (const planted& each : catalogue()) {
    catch_of caught;
    for (const auto stall : {60ms, 300ms, 1500ms}) {  // longer where the watch did not come in time
      if (caught.by_stall) break;
      plant(each, true, stall);
      caught.add(judge(each, told.take()));
    }
    calls += caught.by_call ? 1 : 0;
    stalls += caught.by_stall ? 1 : 0;
    fmt::print("{:34} in {:18} {:24} {:4} {:5}\n", each.name, place_names.at(static_cast<std::size_t>(each.where)),
               *each.call == '\0' ? "computes" : each.call, caught.by_call ? "call" : "",
               caught.by_stall ? "stall" : "");
    EXPECT_TRUE(caught.by_call || caught.by_stall) << each.name;
    EXPECT_EQ(caught.wrong, "") << each.name;
  }
  fmt::print("{} planted: {} told of before they waited, {} while they did\n", catalogue().size(), calls, stalls);
}

TEST(Catalogue, TheSameProgramsWithoutTheFaultAreNotToldOf) {
  told_lines told;
  for (const planted& each : catalogue()) {
    plant(each, false, 0ms);
    for (const std::string& line : told.take()) {
      EXPECT_FALSE(line.contains("[guard]") || line.contains("waits") || line.contains("held up")) << each.name << '\n'
                                                                                                   << line;
    }
  }
}

}  // namespace
}  // namespace whorl
