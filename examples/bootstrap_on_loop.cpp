// What goes wrong when a long calculation runs on the loop. The same server twice: once with stats.bootstrap in the pool,
// where it belongs, and once, on purpose, on the loop. Meanwhile a client asks GET /health again and again, the pool is
// full of bootstraps, and 10,000 conversions wait in the lane.
//
//     example_bootstrap_on_loop [CONVERSIONS]
// ctest: 300
// unguarded: it calculates on the loop, on purpose
#include <whorl/deferred/gather.h>
#include <whorl/jobs/bootstrap.h>
#include <whorl/jobs/calcs.h>
#include <whorl/jobs/job_server.h>
#include <whorl/jobs/unit_system.h>
#include <whorl/places/defer_to.h>
#include <whorl/places/lane.h>
#include <whorl/reactor/run.h>
#include <whorl/web/client.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

using namespace whorl;
using namespace std::chrono_literals;

constexpr int days = 1461;

std::vector<double> some_sample() {
  std::vector<double> sample(days);
  for (std::size_t i = 0; i < sample.size(); ++i) {
    sample[i] = static_cast<double>(i % 37);
  }
  return sample;
}

// How many resamples keep this build on this machine busy for most of a second.
std::uint64_t long_enough() {
  constexpr std::uint64_t tried = 200;
  const auto begun = std::chrono::steady_clock::now();
  static_cast<void>(resample_means(some_sample(), {.first = 0, .end = tried}, 1, std::stop_token()));
  return std::clamp<std::uint64_t>(tried * 800ms / (std::chrono::steady_clock::now() - begun), tried, 400'000);
}

// The mistake: it computes where the connections are served.
deferred<calc_result> bootstrap_on_the_loop(calc_run run) {
  const std::vector<double> sample = some_sample();
  const auto resamples = static_cast<std::uint64_t>(run.arguments.find("resamples")->as_integer());
  auto means = resample_means(sample, {.first = 0, .end = resamples}, 1, std::stop_token());
  auto interval = percentile_interval(sample, std::move(means.value()), 0.95);
  co_return calc_result{.answer = value(interval.value().mean), .table = std::nullopt, .parts = {}};
}

// Keeps the lane busy, so that conversions pile up behind it.
bool hold_lane(unit_system& /*units*/, may_block& /*wait*/, std::stop_token stop) {
  for (int i = 0; i < 1000 && !stop.stop_requested(); ++i) {
    std::this_thread::sleep_for(10ms);
  }
  return true;
}

deferred<calc_result> hold_the_lane(calc_run run) {
  co_await defer_to(run.places.units, hold_lane);
  co_return calc_result{.answer = value(), .table = std::nullopt, .parts = {}};
}

calc_registry calcs_with(place_kind where) {
  calc_registry offered;
  offered.add(units_convert());
  calc bootstrap = stats_bootstrap();
  if (where == place_kind::loop) {
    bootstrap.places = {{.place = place_kind::loop, .reason = "a mistake, made on purpose"}};
    bootstrap.run = bootstrap_on_the_loop;
  }
  offered.add(std::move(bootstrap));
  calc hold;
  hold.name = "lane.hold";
  hold.summary = "keeps the lane busy";
  hold.places = {{.place = place_kind::lane, .reason = "it is the lane that has to be busy"}};
  hold.run = hold_the_lane;
  offered.add(std::move(hold));
  return offered;
}

struct serving {
  std::promise<std::string> url;
  std::promise<mailbox> loop;
};

deferred<void> serve(reactor& loop, place_kind where, serving* told) {
  const auto directory = std::filesystem::temp_directory_path() / ("whorl-on-loop-" + std::to_string(::getpid()));
  std::filesystem::remove_all(directory);
  std::filesystem::create_directories(directory);
  job_server_options options;
  options.listen = "tcp:127.0.0.1:0";
  options.store = directory / "jobs.db";
  options.threads = 2;
  options.runner.slots_in_lane = 50'000;
  options.runner.drain_limit = 1s;
  job_server server(loop, calcs_with(where), std::move(options));
  co_await server.start();
  auto stopping = loop.before_shutdown([&server] { return server.stop(); });
  told->url.set_value(server.url());
  told->loop.set_value(loop.get_mailbox());
  promise<void> for_ever;
  try {
    co_await for_ever.get_deferred();
  } catch (const error&) {
    std::filesystem::remove_all(directory);
    throw;
  }
}

deferred<void> submit(reactor* loop, std::string url, std::string job, int times) {
  for (int i = 0; i < times; ++i) {
    web::client_request request;
    request.method = "POST";
    request.body = job;
    co_await web::fetch(*loop, url + "/jobs", std::move(request));
  }
}

deferred<void> fill_the_lane(reactor* loop, std::string url, int conversions) {
  constexpr int at_once = 50;
  co_await submit(loop, url, R"({"calc": "lane.hold"})", 1);
  std::vector<deferred<void>> submitting;
  for (int i = 0; i < at_once; ++i) {
    submitting.push_back(submit(loop, url, R"({"calc":"units.convert","args":{"value":20,"from":"degC","to":"degF"}})",
                                conversions / at_once));
  }
  co_await gather(std::move(submitting));
}

// Of four years of days.
std::string bootstrap_job() {
  std::string column = "x";
  for (int day = 0; day < days; ++day) {
    column += "\\n" + std::to_string(day % 37);
  }
  return R"({"calc":"stats.bootstrap","args":{"input":{"text":")" + column + R"("},"column":"x","resamples":)" +
         std::to_string(long_enough()) + "}}";
}

deferred<int> measure(reactor& loop, std::string url, int conversions, const char* title) {
  co_await fill_the_lane(&loop, url, conversions);
  auto submitting = submit(&loop, url, bootstrap_job(), 4);
  std::vector<double> milliseconds;
  std::string health;
  const time_point until = loop.now() + 3s;
  while (loop.now() < until) {
    const time_point asked = loop.now();
    auto answer = co_await web::fetch(loop, url + "/health");
    milliseconds.push_back(std::chrono::duration<double, std::milli>(loop.now() - asked).count());
    health = std::move(answer.body);
    co_await loop.sleep(2ms);
  }
  co_await std::move(submitting);
  std::ranges::sort(milliseconds);
  const std::size_t waiting = health.find("\"name\":\"units\"");
  const std::size_t queued = health.find("\"queued\":", waiting);
  std::printf(
      "%-24s GET /health %5zu times: median %7.2f ms, 99 %% %7.2f ms, longest %8.2f ms; waiting in the lane: %d\n",
      title, milliseconds.size(), milliseconds[milliseconds.size() / 2], milliseconds[milliseconds.size() * 99 / 100],
      milliseconds.back(), queued == std::string::npos ? -1 : std::atoi(health.c_str() + queued + 9));
  co_return 0;
}

int show(place_kind where, const char* title, int conversions) {
  serving told;
  std::thread server([&told, where] { run(serve, where, &told); });
  const std::string url = told.url.get_future().get();
  const mailbox loop = told.loop.get_future().get();
  const int status = run(measure, url, conversions, title);
  loop.post([] { reactor::of_this_thread("stop").stop(); });
  server.join();
  return status;
}

int main(int argc, char** argv) {
  const int conversions = argc > 1 ? std::atoi(argv[1]) : 10'000;
  const int in_pool = show(place_kind::pool, "bootstrap in the pool:", conversions);
  const int on_loop = show(place_kind::loop, "bootstrap on the loop:", conversions);
  return in_pool + on_loop;
}
