// One calculation, units.convert, in three places: a lane, a lane and then a pool, a worker process. Four clients ask at
// once and check every answer; then the rate of each place, and what it cost in CPU time.
//
//     example_units_in_three_places [CONVERSIONS [NUMBERS A CALL]]        1000000 1
//
// ctest: 4000 1
#include <whorl/jobs/calcs.h>
#include <whorl/jobs/unit_system.h>
#include <whorl/places/lane.h>
#include <whorl/places/thread_pool.h>
#include <whorl/process/process_function.h>
#include <whorl/process/process_pool.h>
#include <whorl/reactor/reactor.h>
#include <whorl/reactor/run.h>

#include <sys/resource.h>

#include <array>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

using namespace whorl;

namespace {

struct work {
  std::size_t conversions = 1'000'000;
  std::size_t numbers_a_call = 1;
};

// Each client has units of its own, and knows what must come.
struct quantity {
  const char* from;
  const char* to;
  double factor;
  double offset;
};
constexpr std::array<quantity, 4> asked = {
    {{"degC", "degF", 1.8, 32}, {"m/s", "km/h", 3.6, 0}, {"inch", "mm", 25.4, 0}, {"kg", "g", 1000, 0}}};

struct cpu_time {
  double ours = 0;
  double workers = 0;
};

double seconds_of(int whose) {
  rusage used{};
  ::getrusage(whose, &used);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

cpu_time used_until_now() { return {.ours = seconds_of(RUSAGE_SELF), .workers = seconds_of(RUSAGE_CHILDREN)}; }

value arguments_of(const quantity& of, std::size_t first, std::size_t count) {
  value::list numbers;
  for (std::size_t i = 0; i < count; ++i) {
    numbers.emplace_back(static_cast<double>(first + i));
  }
  value arguments;
  arguments.set("value", std::move(numbers)).set("from", of.from).set("to", of.to);
  return arguments;
}

std::size_t count_wrong(const quantity& of, std::size_t first, const value& answer) {
  std::size_t wrong = 0;
  for (const value& converted : answer.find("value")->as_list()) {
    const double expected = static_cast<double>(first++) * of.factor + of.offset;
    wrong += std::abs(converted.as_number() - expected) > 1e-9 * std::abs(expected) + 1e-9 ? 1 : 0;
  }
  return wrong;
}

// One client: asks, waits for the answer, checks it, asks again. Fires with the number of wrong answers.
deferred<std::size_t> ask(const calc* chosen, calc_places places, const quantity* of, work mine) {
  std::size_t wrong = 0;
  for (std::size_t first = 0; first < mine.conversions; first += mine.numbers_a_call) {
    const std::size_t count = std::min(mine.numbers_a_call, mine.conversions - first);
    calc_run given{.places = places, .arguments = arguments_of(*of, first, count), .progress = {}, .table = {}};
    auto answering = chosen->run(std::move(given));
    const calc_result done = co_await std::move(answering);
    wrong += count_wrong(*of, first, done.answer);
  }
  co_return wrong;
}

deferred<int> measure(reactor& loop, place_kind where, work all) {
  const std::size_t most = 2;
  thread_pool pool({.name = "pool", .most_threads = most});
  lane<unit_system> units({.name = "units"});
  process_pool processes(loop, {.most_workers = most, .started_ahead = where == place_kind::process ? most : 0});
  const calc chosen = units_convert(where);  // the place is one word
  const calc_places places{
      .pool = pool, .pool_threads = most, .units = units, .inputs = nullptr, .processes = &processes};

  const cpu_time before = used_until_now();
  const auto begun = std::chrono::steady_clock::now();
  std::vector<deferred<std::size_t>> clients;
  const work mine{.conversions = all.conversions / asked.size(), .numbers_a_call = all.numbers_a_call};
  for (const quantity& of : asked) {
    clients.push_back(ask(&chosen, places, &of, mine));
  }
  std::size_t wrong = 0;
  for (auto& client : clients) {
    const std::size_t more = co_await std::move(client);
    wrong += more;
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begun;
  co_await processes.stop();
  const cpu_time after = used_until_now();

  const auto conversions = static_cast<double>(mine.conversions * asked.size());
  std::printf("%-16s %9.0f conversions, %zu wrong, %7.2f s, %9.0f a second; CPU %6.2f us each here, %6.2f in workers\n",
              chosen.place_names().c_str(), conversions, wrong, took.count(), conversions / took.count(),
              1e6 * (after.ours - before.ours) / conversions, 1e6 * (after.workers - before.workers) / conversions);
  std::fflush(stdout);
  co_return wrong == 0 ? 0 : 1;
}

deferred<int> measure_all(reactor& loop, work all) {
  int status = 0;
  for (const place_kind where : {place_kind::lane, place_kind::pool, place_kind::process}) {
    const int failed = co_await measure(loop, where, all);
    status += failed;
  }
  co_return status;
}

work wanted;

deferred<int> start(reactor& loop) { return measure_all(loop, wanted); }

}  // namespace

int main(int argc, char** argv) {
  run_worker_if_asked();
  if (argc > 1) wanted.conversions = std::strtoul(argv[1], nullptr, 10);
  if (argc > 2) wanted.numbers_a_call = std::max(1UL, std::strtoul(argv[2], nullptr, 10));
  return whorl::run(start);
}
