// Whole lives of jobs a second: accepted, leased, done. The argument is how many live at once; the store groups what
// they ask for into commits. Payloads of 200 bytes.
#include <whorl/jobs/memory_job_store.h>
#include <whorl/jobs/sqlite_job_store.h>
#include <whorl/reactor/reactor.h>

#include <benchmark/benchmark.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;

whorl::deferred<void> live(whorl::job_store& store) {
  std::vector<whorl::job_request> requests(1);
  requests[0] = {.calc = "c", .arguments = std::string(200, 'a')};
  co_await store.enqueue(std::move(requests));
  whorl::lease_jobs wanted{.worker = "w", .most = 1, .lasting = 30s, .calcs = {"c"}};
  std::vector<whorl::job> leased = co_await store.lease(std::move(wanted));
  std::vector<whorl::attempt_end> ends;
  ends.push_back(whorl::attempt_end::done(leased.at(0).current(), std::string(200, 'r')));
  co_await store.end(std::move(ends));
}

whorl::deferred<void> live_together(whorl::job_store& store, long lives) {
  std::vector<whorl::deferred<void>> living;
  for (long i = 0; i < lives; ++i) {
    living.push_back(live(store));
  }
  for (auto& life : living) {
    co_await std::move(life);
  }
}

template <class T>
T wait_for(whorl::reactor& loop, whorl::deferred<T> awaited) {
  auto fired = std::move(awaited).add_both([&loop](auto came) {
    loop.io().wake();
    return came;
  });
  while (!fired.ready()) {
    loop.turn(std::nullopt);
  }
  return std::move(*std::move(fired).take());
}

void measure(benchmark::State& state, whorl::reactor& loop, whorl::job_store& store) {
  const long lives = state.range(0);
  for (auto _ : state) {
    auto lived = live_together(store, lives).add_callback([] { return 0; });
    wait_for(loop, std::move(lived));
  }
  state.SetItemsProcessed(state.iterations() * lives);
}

void lives_in_memory(benchmark::State& state) {
  whorl::reactor loop;
  auto store = whorl::make_memory_job_store(loop);
  measure(state, loop, *store);
}

// In WHORL_BENCH_FOLDER, or in the working directory: what is measured is its disk.
void lives_in_sqlite(benchmark::State& state) {
  const char* asked = std::getenv("WHORL_BENCH_FOLDER");
  std::string folder = std::string(asked == nullptr ? "." : asked) + "/bench-job-store-XXXXXX";
  if (::mkdtemp(folder.data()) == nullptr) {
    state.SkipWithError("no folder could be made here; set WHORL_BENCH_FOLDER to one that can be written");
    return;
  }
  {
    whorl::reactor loop;
    auto store = wait_for(loop, whorl::open_sqlite_job_store({.path = folder + "/jobs.db"}));
    measure(state, loop, *store);
  }
  std::filesystem::remove_all(folder);
}

BENCHMARK(lives_in_memory)->ArgName("at_once")->Arg(1)->Arg(100)->UseRealTime();
BENCHMARK(lives_in_sqlite)->ArgName("at_once")->RangeMultiplier(10)->Range(1, 10'000)->UseRealTime()->MinTime(2);

}  // namespace

BENCHMARK_MAIN();
