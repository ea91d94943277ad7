// What a deferred costs, beside a task written by hand (hand_task.h, the limit) and Asio's awaitables:
//
//   one_callback     something to wait for is made, given one callback, fired, and its result taken
//   await_ready      a coroutine awaits a child that has its result already
//   await_unfired    a coroutine awaits a child that waits for an operation, which is then done
//   gather_10        a coroutine awaits ten such children at once
//
// "hand_malloc" is the task that one writes; "hand" has its frames and operations from free lists, as whorl does, and
// still knows no cancelling, no context, no list of what waits; "hand_in_place" keeps the operation in its producer as
// well, so that neither may go before the other.
// The names are operation/contestant; bench/deferred.sh runs this together with Twisted and prints one table.
// The counter "allocations" is of general-purpose allocations an operation, after a first few.
//
// bench floors: deferred
#include "counted_allocations.h"
#include "hand_task.h"

#include <whorl/deferred/deferred.h>
#include <whorl/deferred/gather.h>

// Asio 1.22 knows C++20's coroutines of g++ alone, and those of Clang as well when it is told to.
#define ASIO_HAS_CO_AWAIT 1
#include <benchmark/benchmark.h>
#include <asio.hpp>
#include <asio/experimental/deferred.hpp>
#include <asio/experimental/parallel_group.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

// What would stand in another source file of a real program, so that no contestant sees through it.
#define BENCH_APART [[gnu::noinline]]

namespace {

constexpr int warm_up = 1000;
constexpr std::size_t members = 10;

// Measures `operation`, called again and again.
template <class Operation>
void measure(benchmark::State& state, Operation operation) {
  int number = 0;
  for (int i = 0; i < warm_up; ++i) {
    benchmark::DoNotOptimize(operation(++number));
  }
  const std::uint64_t before = bench::allocations;
  for (auto _ : state) {
    benchmark::DoNotOptimize(operation(++number));
  }
  state.counters["allocations"] =
      benchmark::Counter(static_cast<double>(bench::allocations - before) / static_cast<double>(state.iterations()));
}

namespace by_whorl {

BENCH_APART whorl::deferred<int> add_one(whorl::deferred<int> awaited) {
  return std::move(awaited).add_callback([](int value) { return value + 1; });
}

void one_callback(benchmark::State& state) {
  measure(state, [](int number) {
    whorl::promise<int> operation;
    whorl::deferred<int> added = add_one(operation.get_deferred());
    operation.callback(number);
    return *std::move(added).take();
  });
}

BENCH_APART whorl::deferred<int> child_with(int value) { co_return value; }

whorl::deferred<int> await_children(benchmark::State& state) {
  std::uint64_t before = 0;
  int sum = 0;
  for (int i = 0; i < warm_up; ++i) {
    sum += i;
    const int value = co_await child_with(i);
    sum += value;
  }
  before = bench::allocations;
  for (auto _ : state) {
    const int value = co_await child_with(sum);
    benchmark::DoNotOptimize(sum = value);
  }
  state.counters["allocations"] =
      benchmark::Counter(static_cast<double>(bench::allocations - before) / static_cast<double>(state.iterations()));
  co_return sum;
}

void await_ready(benchmark::State& state) { benchmark::DoNotOptimize(await_children(state).take()); }

// An operation that somebody else will finish.
class operation {
 public:
  whorl::deferred<int> start() {
    promise_ = whorl::promise<int>();
    return promise_.get_deferred();
  }
  void finish(int value) { promise_.callback(value); }

 private:
  whorl::promise<int> promise_;
};

BENCH_APART whorl::deferred<int> child_waiting_for(operation& awaited) {
  const int value = co_await awaited.start();
  co_return value + 1;
}

whorl::deferred<void> await_again_and_again(operation& awaited, int& sum) {
  for (;;) {
    const int value = co_await child_waiting_for(awaited);
    sum += value;
  }
}

void await_unfired(benchmark::State& state) {
  operation awaited;
  int sum = 0;
  const auto waiting = await_again_and_again(awaited, sum);
  measure(state, [&](int number) {
    awaited.finish(number);
    return sum;
  });
}

using operations = std::array<operation, members>;

whorl::deferred<void> gather_again_and_again(operations& awaited, int& sum) {
  for (;;) {
    auto all =
        whorl::gather(child_waiting_for(awaited[0]), child_waiting_for(awaited[1]), child_waiting_for(awaited[2]),
                      child_waiting_for(awaited[3]), child_waiting_for(awaited[4]), child_waiting_for(awaited[5]),
                      child_waiting_for(awaited[6]), child_waiting_for(awaited[7]), child_waiting_for(awaited[8]),
                      child_waiting_for(awaited[9]));
    const auto values = co_await std::move(all);
    std::apply([&sum](auto... each) { sum += (each + ...); }, values);
  }
}

void gather_10(benchmark::State& state) {
  operations awaited;
  int sum = 0;
  const auto waiting = gather_again_and_again(awaited, sum);
  measure(state, [&](int number) {
    for (operation& each : awaited) {
      each.finish(number);
    }
    return sum;
  });
}

}  // namespace by_whorl

template <class Memory, class Operation>
struct by_hand {
  using task = hand::task<int, Memory>;
  using operation = Operation;

  BENCH_APART static task add_one(operation& awaited) {
    const int value = co_await awaited.start();
    co_return value + 1;
  }

  static void one_callback(benchmark::State& state) {
    measure(state, [](int number) {
      operation awaited;
      task added = add_one(awaited);
      awaited.fire(number);
      return added.take();
    });
  }

  BENCH_APART static task child_with(int value) { co_return value; }

  static task await_children(benchmark::State& state) {
    std::uint64_t before = 0;
    int sum = 0;
    for (int i = 0; i < warm_up; ++i) {
      const int value = co_await child_with(i);
      sum += value;
    }
    before = bench::allocations;
    for (auto _ : state) {
      const int value = co_await child_with(sum);
      benchmark::DoNotOptimize(sum = value);
    }
    state.counters["allocations"] =
        benchmark::Counter(static_cast<double>(bench::allocations - before) / static_cast<double>(state.iterations()));
    co_return sum;
  }

  static void await_ready(benchmark::State& state) { benchmark::DoNotOptimize(await_children(state).take()); }

  BENCH_APART static task child_waiting_for(operation& awaited) {
    const int value = co_await awaited.start();
    co_return value + 1;
  }

  static task await_again_and_again(operation& awaited, int& sum) {
    for (;;) {
      const int value = co_await child_waiting_for(awaited);
      sum += value;
    }
  }

  static void await_unfired(benchmark::State& state) {
    operation awaited;
    int sum = 0;
    const auto waiting = await_again_and_again(awaited, sum);
    measure(state, [&](int number) {
      awaited.fire(number);
      return sum;
    });
  }

  using operations = std::array<operation, members>;

  static task gather_again_and_again(operations& awaited, int& sum) {
    for (;;) {
      hand::gather<int, Memory, members> all({child_waiting_for(awaited[0]), child_waiting_for(awaited[1]),
                                              child_waiting_for(awaited[2]), child_waiting_for(awaited[3]),
                                              child_waiting_for(awaited[4]), child_waiting_for(awaited[5]),
                                              child_waiting_for(awaited[6]), child_waiting_for(awaited[7]),
                                              child_waiting_for(awaited[8]), child_waiting_for(awaited[9])});
      const auto values = co_await all;
      for (const int each : values) {
        sum += each;
      }
    }
  }

  static void gather_10(benchmark::State& state) {
    operations awaited;
    int sum = 0;
    const auto waiting = gather_again_and_again(awaited, sum);
    measure(state, [&](int number) {
      for (operation& each : awaited) {
        each.fire(number);
      }
      return sum;
    });
  }
};

namespace by_asio {

// Keeps the handler of an operation that somebody else will finish.
class operation {
 public:
  asio::awaitable<int> start() {
    return asio::async_initiate<const asio::use_awaitable_t<>, void(int)>(
        [this](auto&& handler) { handler_.emplace(std::forward<decltype(handler)>(handler)); }, asio::use_awaitable);
  }
  void finish(int value) {
    auto handler = std::move(*handler_);
    handler_.reset();
    handler(value);
  }

 private:
  std::optional<asio::async_result<asio::use_awaitable_t<>, void(int)>::handler_type> handler_;
};

// Inside the loop, where Asio reuses memory.
template <class Measure>
void inside_a_loop(Measure run) {
  asio::io_context loop(1);
  asio::post(loop, [&] { run(loop); });
  loop.run();
}

BENCH_APART asio::awaitable<int> child_waiting_for(operation& awaited) {
  const int value = co_await awaited.start();
  co_return value + 1;
}

void one_callback(benchmark::State& state) {
  inside_a_loop([&state](asio::io_context& loop) {
    operation awaited;
    measure(state, [&](int number) {
      int result = 0;
      asio::co_spawn(loop, child_waiting_for(awaited), [&](const std::exception_ptr&, int value) { result = value; });
      awaited.finish(number);
      return result;
    });
  });
}

BENCH_APART asio::awaitable<int> child_with(int value) { co_return value; }

asio::awaitable<void> await_children(benchmark::State& state) {
  int sum = 0;
  for (int i = 0; i < warm_up; ++i) {
    const int value = co_await child_with(i);
    sum += value;
  }
  const std::uint64_t before = bench::allocations;
  for (auto _ : state) {
    const int value = co_await child_with(sum);
    benchmark::DoNotOptimize(sum = value);
  }
  state.counters["allocations"] =
      benchmark::Counter(static_cast<double>(bench::allocations - before) / static_cast<double>(state.iterations()));
}

void await_ready(benchmark::State& state) {
  inside_a_loop([&state](asio::io_context& loop) { asio::co_spawn(loop, await_children(state), asio::detached); });
}

asio::awaitable<void> await_again_and_again(operation& awaited, int& sum) {
  for (;;) {
    const int value = co_await child_waiting_for(awaited);
    sum += value;
  }
}

void await_unfired(benchmark::State& state) {
  operation awaited;
  inside_a_loop([&](asio::io_context& loop) {
    int sum = 0;
    asio::co_spawn(loop, await_again_and_again(awaited, sum), asio::detached);
    measure(state, [&](int number) {
      awaited.finish(number);
      return sum;
    });
    loop.stop();
  });
}

using operations = std::array<operation, members>;

asio::awaitable<void> gather_again_and_again(operations& awaited, int& sum) {
  using asio::experimental::deferred;
  const auto here = co_await asio::this_coro::executor;
  for (;;) {
    auto all = asio::experimental::make_parallel_group(asio::co_spawn(here, child_waiting_for(awaited[0]), deferred),
                                                       asio::co_spawn(here, child_waiting_for(awaited[1]), deferred),
                                                       asio::co_spawn(here, child_waiting_for(awaited[2]), deferred),
                                                       asio::co_spawn(here, child_waiting_for(awaited[3]), deferred),
                                                       asio::co_spawn(here, child_waiting_for(awaited[4]), deferred),
                                                       asio::co_spawn(here, child_waiting_for(awaited[5]), deferred),
                                                       asio::co_spawn(here, child_waiting_for(awaited[6]), deferred),
                                                       asio::co_spawn(here, child_waiting_for(awaited[7]), deferred),
                                                       asio::co_spawn(here, child_waiting_for(awaited[8]), deferred),
                                                       asio::co_spawn(here, child_waiting_for(awaited[9]), deferred));
    const auto came = co_await all.async_wait(asio::experimental::wait_for_all(), asio::use_awaitable);
    sum += std::get<2>(came);
  }
}

void gather_10(benchmark::State& state) {
  operations awaited;
  inside_a_loop([&](asio::io_context& loop) {
    int sum = 0;
    asio::co_spawn(loop, gather_again_and_again(awaited, sum), asio::detached);
    measure(state, [&](int number) {
      for (operation& each : awaited) {
        each.finish(number);
      }
      return sum;
    });
    loop.stop();
  });
}

}  // namespace by_asio

using hand_shared = by_hand<hand::free_lists, hand::shared_shot<int, hand::free_lists>>;
using hand_malloc = by_hand<hand::plain_memory, hand::shared_shot<int, hand::plain_memory>>;
using hand_in_place = by_hand<hand::free_lists, hand::one_shot<int>>;

BENCHMARK(by_whorl::one_callback)->Name("one_callback/whorl");
BENCHMARK(hand_shared::one_callback)->Name("one_callback/hand");
BENCHMARK(hand_malloc::one_callback)->Name("one_callback/hand_malloc");
BENCHMARK(hand_in_place::one_callback)->Name("one_callback/hand_in_place");
BENCHMARK(by_asio::one_callback)->Name("one_callback/asio");
BENCHMARK(by_whorl::await_ready)->Name("await_ready/whorl");
BENCHMARK(hand_shared::await_ready)->Name("await_ready/hand");
BENCHMARK(hand_malloc::await_ready)->Name("await_ready/hand_malloc");
BENCHMARK(by_asio::await_ready)->Name("await_ready/asio");
BENCHMARK(by_whorl::await_unfired)->Name("await_unfired/whorl");
BENCHMARK(hand_shared::await_unfired)->Name("await_unfired/hand");
BENCHMARK(hand_malloc::await_unfired)->Name("await_unfired/hand_malloc");
BENCHMARK(hand_in_place::await_unfired)->Name("await_unfired/hand_in_place");
BENCHMARK(by_asio::await_unfired)->Name("await_unfired/asio");
BENCHMARK(by_whorl::gather_10)->Name("gather_10/whorl");
BENCHMARK(hand_shared::gather_10)->Name("gather_10/hand");
BENCHMARK(hand_malloc::gather_10)->Name("gather_10/hand_malloc");
BENCHMARK(hand_in_place::gather_10)->Name("gather_10/hand_in_place");
BENCHMARK(by_asio::gather_10)->Name("gather_10/asio");
}  // namespace

int main(int count, char** arguments) {
  benchmark::Initialize(&count, arguments);
  benchmark::RunSpecifiedBenchmarks();
}
