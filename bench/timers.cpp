// What timers cost, beside Asio's, libuv's and libevent's, in the way each library is meant to be used:
//
//   start_and_cancel   a time limit that never passes: one is started and cancelled, while a hundred thousand wait
//   start_million      a million are started, with delays from 1 to 60 s in no order
//   cancel_million     they are cancelled, in another order
//   fire_million       a million that have fallen due run
//
// The names are operation/contestant; bench/timers.sh prints one table. The time is that of one timer. Where a library
// lets its user keep the timers (all but whorl), they are made beforehand and not counted. libevent is told to use the
// precise clock, as whorl and Asio do; libuv counts milliseconds from the beginning of its turn.
//
// bench floors: reactor
// bench libraries: uv event_core
#include <whorl/reactor/reactor.h>

#include <benchmark/benchmark.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <malloc.h>
#include <uv.h>
#include <asio.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <ctime>
#include <memory>
#include <numeric>
#include <random>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

constexpr std::size_t million = 1'000'000;
constexpr std::size_t others = 100'000;

std::uint64_t fired = 0;

// The same for every contestant.
const std::vector<milliseconds>& delays() {
  static const std::vector<milliseconds> chosen = [] {
    std::mt19937 random(1);
    std::vector<milliseconds> made(million);
    std::ranges::generate(made, [&random] { return milliseconds(1000 + random() % 59'000); });
    return made;
  }();
  return chosen;
}

const std::vector<std::uint32_t>& another_order() {
  static const std::vector<std::uint32_t> chosen = [] {
    std::vector<std::uint32_t> made(million);
    std::iota(made.begin(), made.end(), 0U);
    std::shuffle(made.begin(), made.end(), std::mt19937(2));
    return made;
  }();
  return chosen;
}

// For a million that have to fall due while somebody waits for it: within the next 100 ms.
milliseconds soon(std::size_t index) { return milliseconds(1 + delays()[index].count() % 100); }

// Each contestant keeps `count` timers and can do these four things.

class by_whorl {
 public:
  explicit by_whorl(std::size_t count) : timers_(count) {}
  void start(std::size_t index, milliseconds delay) {
    timers_[index] = loop_.call_later(delay, [] { ++fired; });
  }
  void cancel(std::size_t index) { timers_[index].cancel(); }
  void turn() { loop_.turn(loop_.now()); }

 private:
  whorl::reactor loop_;
  std::vector<whorl::delayed_call> timers_;
};

class by_asio {
 public:
  explicit by_asio(std::size_t count) {
    timers_.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
      timers_.emplace_back(loop_);
    }
  }
  void start(std::size_t index, milliseconds delay) {
    timers_[index].expires_after(delay);
    timers_[index].async_wait([](const asio::error_code& how) { fired += how ? 0 : 1; });
  }
  void cancel(std::size_t index) { timers_[index].cancel(); }
  void turn() {
    loop_.restart();
    loop_.poll();
  }

 private:
  asio::io_context loop_{1};
  std::vector<asio::steady_timer> timers_;
};

class by_libuv {
 public:
  explicit by_libuv(std::size_t count) : timers_(count) {
    uv_loop_init(&loop_);
    for (uv_timer_t& each : timers_) {
      uv_timer_init(&loop_, &each);
    }
  }
  by_libuv(const by_libuv&) = delete;
  by_libuv& operator=(const by_libuv&) = delete;
  ~by_libuv() {
    for (uv_timer_t& each : timers_) {
      uv_close(reinterpret_cast<uv_handle_t*>(&each), nullptr);
    }
    uv_run(&loop_, UV_RUN_DEFAULT);
    uv_loop_close(&loop_);
  }
  void start(std::size_t index, milliseconds delay) {
    uv_timer_start(&timers_[index], [](uv_timer_t*) { ++fired; }, static_cast<std::uint64_t>(delay.count()), 0);
  }
  void cancel(std::size_t index) { uv_timer_stop(&timers_[index]); }
  void turn() { uv_run(&loop_, UV_RUN_NOWAIT); }

 private:
  uv_loop_t loop_{};
  std::vector<uv_timer_t> timers_;
};

class by_libevent {
 public:
  explicit by_libevent(std::size_t count) : timers_(count), loop_(precise()) {
    for (event& each : timers_) {
      event_assign(&each, loop_.get(), -1, 0, [](evutil_socket_t, short, void*) { ++fired; }, nullptr);
    }
  }
  void start(std::size_t index, milliseconds delay) {
    const timeval after{.tv_sec = delay.count() / 1000, .tv_usec = delay.count() % 1000 * 1000};
    event_add(&timers_[index], &after);
  }
  void cancel(std::size_t index) { event_del(&timers_[index]); }
  void turn() { event_base_loop(loop_.get(), EVLOOP_NONBLOCK); }

 private:
  struct free_base {
    void operator()(event_base* base) const { event_base_free(base); }
  };
  static event_base* precise() {
    const std::unique_ptr<event_config, decltype(&event_config_free)> how(event_config_new(), &event_config_free);
    event_config_set_flag(how.get(), EVENT_BASE_FLAG_PRECISE_TIMER);
    return event_base_new_with_config(how.get());
  }

  std::vector<event> timers_;
  std::unique_ptr<event_base, free_base> loop_;  // goes first: it still holds what waits
};

// Of this thread's work alone, whatever else the machine does.
class stopwatch {
 public:
  double seconds() const { return now() - began_; }

 private:
  static double now() {
    timespec at{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &at);
    return static_cast<double>(at.tv_sec) + static_cast<double>(at.tv_nsec) * 1e-9;
  }
  double began_ = now();
};

// Google Benchmark divides by the iterations; a million timers are one iteration, and the time is told for one timer.
void tell(benchmark::State& state, double seconds) { state.SetIterationTime(seconds / million); }

template <class Contestant>
void start_million(Contestant& by) {
  for (std::size_t i = 0; i < million; ++i) {
    by.start(i, delays()[i]);
  }
}

template <class Contestant>
void cancel_million(Contestant& by) {
  for (const std::uint32_t index : another_order()) {
    by.cancel(index);
  }
  by.turn();
}

template <class Contestant>
void start_and_cancel(benchmark::State& state) {
  Contestant by(others + 1);
  by.turn();
  for (std::size_t i = 0; i < others; ++i) {
    by.start(i, delays()[i]);
  }
  std::uint64_t started = 0;
  for (auto _ : state) {
    by.start(others, 30s);
    by.cancel(others);
    if (++started % 1024 == 0) {
      by.turn();
    }
  }
}

template <class Contestant>
void starting(benchmark::State& state) {
  Contestant by(million);
  start_million(by);
  cancel_million(by);  // its memory is there from now on
  for (auto _ : state) {
    by.turn();
    const stopwatch watch;
    start_million(by);
    tell(state, watch.seconds());
    cancel_million(by);
  }
}

template <class Contestant>
void cancelling(benchmark::State& state) {
  Contestant by(million);
  for (auto _ : state) {
    by.turn();
    start_million(by);
    const stopwatch watch;
    cancel_million(by);
    tell(state, watch.seconds());
  }
}

template <class Contestant>
void firing(benchmark::State& state) {
  Contestant by(million);
  for (auto _ : state) {
    by.turn();
    for (std::size_t i = 0; i < million; ++i) {
      by.start(i, soon(i));
    }
    std::this_thread::sleep_for(120ms);  // for the time to pass is the subject here
    fired = 0;
    const stopwatch watch;
    while (fired < million) {
      by.turn();
    }
    tell(state, watch.seconds());
  }
}

#define WHORL_MEASURE(operation, name, each)                \
  BENCHMARK(operation<by_whorl>)->Name(name "/whorl") each; \
  BENCHMARK(operation<by_asio>)->Name(name "/asio") each;   \
  BENCHMARK(operation<by_libuv>)->Name(name "/libuv") each; \
  BENCHMARK(operation<by_libevent>)->Name(name "/libevent") each

WHORL_MEASURE(start_and_cancel, "start_and_cancel", );
WHORL_MEASURE(starting, "start_million", ->UseManualTime()->Iterations(1));
WHORL_MEASURE(cancelling, "cancel_million", ->UseManualTime()->Iterations(1));
WHORL_MEASURE(firing, "fire_million", ->UseManualTime()->Iterations(1));

}  // namespace

int main(int count, char** arguments) {
  // A program that runs for long keeps its memory mapped; so do all contestants.
  mallopt(M_TRIM_THRESHOLD, -1);
  mallopt(M_MMAP_THRESHOLD, 1 << 30);
  benchmark::Initialize(&count, arguments);
  benchmark::RunSpecifiedBenchmarks();
}
