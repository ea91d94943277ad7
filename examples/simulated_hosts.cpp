// A distributed program, tested on one thread: a sensor sends its readings to a collector, over a network that delays
// and breaks connections, and the collector crashes in the middle. Must every reading be kept, and none twice?
//
// The collector is run twice over, in two versions: one keeps what it is sent; the other looks first whether it has it
// already. Every seed is another order of events; the same seed is always the same.
//
//     example_simulated_hosts                    # explores 2000 seeds
//     WHORL_SEED=7 example_simulated_hosts       # runs one alone, as a failing run tells you to
// ctest
#include <whorl/net/endpoint.h>
#include <whorl/reactor/within.h>
#include <whorl/testing/explore.h>

#include <algorithm>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

using namespace whorl;
using namespace std::chrono_literals;
using whorl::testing::exploration;
using whorl::testing::host;
using whorl::testing::simulation;

// What the collector has written down. It is kept outside of the host, as a disk is: a crash does not touch it.
using disk = std::vector<std::string>;
using keeping = void (*)(disk&, const std::string& reading);

void keep(disk& kept, const std::string& reading) { kept.push_back(reading); }

void keep_once(disk& kept, const std::string& reading) {
  if (std::ranges::find(kept, reading) == kept.end()) {
    kept.push_back(reading);
  }
}

// The collector: it confirms each line when it is kept.
deferred<void> collect_from(stream sensor, disk* kept, keeping how) {
  for (;;) {
    auto reading = co_await sensor.read_until("\n");
    how(*kept, reading);
    co_await sensor.write("kept\n");
  }
}

deferred<void> collect(host* here, disk* kept, keeping how) {
  auto listening = listen_streams(here->loop(), "tcp:4000",
                                  [=](stream sensor) { return collect_from(std::move(sensor), kept, how); });
  auto port = co_await std::move(listening);
  promise<void> for_ever;  // until the host crashes
  co_await for_ever.get_deferred();
}

// The sensor: what is not confirmed within a second is sent again, on a new connection.
deferred<void> send_once(reactor* loop, std::string collector, std::string reading) {
  auto connection = co_await connect(*loop, collector);
  co_await connection.write(reading);
  co_await connection.read_until("\n");
}

deferred<void> send_surely(reactor* loop, std::string collector, std::string reading) {
  for (;;) {
    auto sending = within(*loop, send_once(loop, collector, reading), 1s);
    auto sent = co_await std::move(sending).result();
    if (sent) {
      co_return;
    }
    co_await loop->sleep(100ms);
  }
}

// One run: hosts, faults, what happens, and what must hold at the end.
void run_with(simulation& world, keeping how) {
  world.set_faults({.least_delay = 1ms, .most_delay = 20ms, .reset_chance = 0.01});
  disk kept;
  host& collector = world.add_host("collector");
  host& sensor = world.add_host("sensor");
  collector.run([&](host& here) { return collect(&here, &kept, how); });
  world.settle();
  world.after(world.choose_delay(500ms), [&] { collector.restart(); });

  disk sent;
  for (int number = 1; number <= 5; ++number) {
    sent.push_back("reading " + std::to_string(number) + "\n");
    world.run(send_surely(&sensor.loop(), collector.endpoint(4000), sent.back()));
  }
  if (kept != sent) {
    throw error(errc::conflict, std::to_string(sent.size()) + " readings were sent, and " +
                                    std::to_string(kept.size()) + " are on the disk");
  }
}

int main() {
  const whorl::testing::seeds which{.count = 2000};
  const exploration careless = explore(which, [](simulation& world) { run_with(world, keep); });
  std::printf("The collector that keeps whatever comes:\n%s\n", careless.report.c_str());

  const exploration careful = explore(which, [](simulation& world) { run_with(world, keep_once); });
  std::printf("The collector that looks first: %d runs, %s\n%s", static_cast<int>(careful.runs),
              careful.passed() ? "all good" : "one failed", careful.report.c_str());
  return careful.passed() ? 0 : 1;
}
