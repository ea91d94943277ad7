// From a loop to a thread of a pool and back, beside Asio's thread_pool and libuv's uv_queue_work, in the way each library is
// meant to be used:
//
//   one_at_a_time   the next call is made when the answer to the last one is there
//   in_flight_64    64 calls are on their way at any time
//
// The names are operation/contestant; bench/round_trip.sh prints one table, with Twisted's deferToThread beside them. The time
// is that of one round trip, by the clock; the allocations are those of the loop and of the threads together. Every pool has
// four threads, which is libuv's default.
//
// bench floors: places
// bench libraries: uv
#include <whorl/places/defer_to.h>
#include <whorl/reactor/reactor.h>

#include <benchmark/benchmark.h>
#include <uv.h>
#include <asio.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "counted_allocations.h"

namespace {

constexpr std::size_t pool_threads = 4;

std::atomic<std::uint64_t> allocations_of_threads = 0;

// What is called; it also tells what its thread has allocated since its last call.
int work(int value) {
  thread_local std::uint64_t told = bench::allocations;
  if (told != bench::allocations) {
    allocations_of_threads += bench::allocations - std::exchange(told, bench::allocations);
  }
  return value + 1;
}

class whorl_pool {
 public:
  void run(int chains, int calls_each) {
    auto done = run_chains(chains, calls_each);
    loop_.run();
  }

 private:
  static whorl::deferred<void> chain(whorl::thread_pool* pool, int calls) {
    for (int call = 0; call < calls; ++call) {
      co_await whorl::defer_to(*pool, work, call);
    }
  }

  whorl::deferred<void> run_chains(int chains, int calls_each) {
    std::vector<whorl::deferred<void>> running;
    for (int each = 0; each < chains; ++each) {
      running.push_back(chain(&pool_, calls_each));
    }
    for (auto& each : running) {
      co_await std::move(each);
    }
    loop_.stop();
  }

  whorl::reactor loop_;  // on the back end that it chooses, or WHORL_BACKEND
  whorl::thread_pool pool_{{.most_threads = pool_threads}};
};

class asio_pool {
 public:
  void run(int chains, int calls_each) {
    const auto busy = asio::make_work_guard(loop_);
    loop_.restart();
    left_ = chains;
    for (int each = 0; each < chains; ++each) {
      call(calls_each);
    }
    loop_.run();
  }

 private:
  void call(int left) {
    asio::post(pool_, [this, left] {
      const int answer = work(left);
      asio::post(loop_, [this, left, answer] {
        benchmark::DoNotOptimize(answer);
        if (left > 1) {
          call(left - 1);
        } else if (--left_ == 0) {
          loop_.stop();
        }
      });
    });
  }

  asio::io_context loop_{1};
  asio::thread_pool pool_{pool_threads};
  int left_ = 0;
};

class libuv_pool {
 public:
  libuv_pool() { uv_loop_init(&loop_); }
  ~libuv_pool() { uv_loop_close(&loop_); }
  libuv_pool(const libuv_pool&) = delete;
  libuv_pool& operator=(const libuv_pool&) = delete;

  void run(int chains, int calls_each) {
    std::vector<chain> all(static_cast<std::size_t>(chains));
    for (chain& each : all) {
      each.left = calls_each;
      each.request.data = &each;
      queue(&loop_, each);
    }
    uv_run(&loop_, UV_RUN_DEFAULT);
  }

 private:
  struct chain {
    uv_work_t request{};
    int left = 0;
    int answer = 0;
  };

  static void queue(uv_loop_t* loop, chain& next) {
    uv_queue_work(
        loop, &next.request,
        [](uv_work_t* request) {
          auto& its = *static_cast<chain*>(request->data);
          its.answer = work(its.left);
        },
        [](uv_work_t* request, int) {
          auto& its = *static_cast<chain*>(request->data);
          benchmark::DoNotOptimize(its.answer);
          if (--its.left > 0) {
            queue(request->loop, its);
          }
        });
  }

  uv_loop_t loop_{};
};

constexpr int warm_up_calls = 50;

template <class Pool>
void round_trips(benchmark::State& state, Pool pool, int chains, int calls_each) {
  pool->run(chains, warm_up_calls);
  const std::uint64_t before = bench::allocations;
  const std::uint64_t before_in_threads = allocations_of_threads;
  const double calls = static_cast<double>(chains) * calls_each;
  for ([[maybe_unused]] auto round : state) {
    const auto began = std::chrono::steady_clock::now();
    pool->run(chains, calls_each);
    state.SetIterationTime(std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count() / calls);
  }
  const auto counted = static_cast<double>(bench::allocations - before + allocations_of_threads - before_in_threads);
  state.counters["allocations"] = static_cast<double>(static_cast<int>(counted / (calls * state.max_iterations) + 0.5));
}

constexpr int one = 1;
constexpr int many = 64;
constexpr int calls_of_one = 500;
constexpr int calls_of_many = 300;

#define ROUND_TRIPS(contestant, pool)                                        \
  BENCHMARK_CAPTURE(round_trips, contestant, pool, one, calls_of_one)        \
      ->Name("one_at_a_time/" #contestant)                                   \
      ->Iterations(5)                                                        \
      ->UseManualTime();                                                     \
  BENCHMARK_CAPTURE(round_trips, contestant##_64, pool, many, calls_of_many) \
      ->Name("in_flight_64/" #contestant)                                    \
      ->Iterations(5)                                                        \
      ->UseManualTime()

ROUND_TRIPS(whorl, std::make_unique<whorl_pool>());
ROUND_TRIPS(asio, std::make_unique<asio_pool>());
ROUND_TRIPS(libuv, std::make_unique<libuv_pool>());

}  // namespace

BENCHMARK_MAIN();
