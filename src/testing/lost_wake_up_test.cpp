// A planted bug: a wake-up is lost, because the program looks whether there is work, does something else that takes
// time, and only then starts to listen for the news of work.
//
// A client sends orders to a kitchen. A cook who finds none tells the office that it is idle, and waits for the bell.

#include <whorl/deferred/event.h>
#include <whorl/deferred/platform.h>
#include <whorl/net/endpoint.h>
#include <whorl/testing/checks.h>

#include <gmock/gmock.h>

#include <deque>
#include <string>
#include <utility>

namespace whorl::testing {
namespace {

using ::testing::HasSubstr;

struct kitchen {
  std::deque<std::string> orders;
  event bell;
  int cooked = 0;
};

deferred<void> take_orders(kitchen* in, stream from) {
  for (;;) {
    auto order = co_await from.read_until("\n");
    in->orders.push_back(order);
    in->bell.set();
  }
}

deferred<void> tell_idle(stream* office) {
  co_await office->write("idle\n");
  co_await office->read_until("\n");
}

// Whoever rings while the office is told rings for nobody: the bell is silenced afterwards.
deferred<void> wait_carelessly(kitchen* in, stream* office) {
  co_await tell_idle(office);
  in->bell.clear();
  co_await in->bell.wait();
}

// The bell is silenced while it is certain that there are no orders, and a later ring is kept.
deferred<void> wait_carefully(kitchen* in, stream* office) {
  in->bell.clear();
  co_await tell_idle(office);
  co_await in->bell.wait();
}

using waiting = deferred<void> (*)(kitchen*, stream*);

deferred<void> cook(host* here, std::string office_endpoint, waiting wait, kitchen* in) {
  auto listening =
      listen_streams(here->loop(), "tcp:1", [in](stream from) { return take_orders(in, std::move(from)); });
  auto port = co_await std::move(listening);
  auto office = co_await connect(here->loop(), office_endpoint);
  for (;;) {
    while (in->orders.empty()) {
      co_await wait(in, &office);
    }
    in->orders.pop_front();
    ++in->cooked;
  }
}

deferred<void> note_what_is_told(stream from) {
  for (;;) {
    co_await from.read_until("\n");
    co_await from.write("noted\n");
  }
}

deferred<void> run_office(host& here) {
  auto port = co_await listen_streams(here.loop(), "tcp:2", note_what_is_told);
  promise<void> for_ever;
  co_await for_ever.get_deferred();
}

deferred<void> order_meals(simulation* world, host* from, std::string endpoint) {
  auto to = co_await connect(from->loop(), endpoint);
  for (int meal = 0; meal < 3; ++meal) {
    co_await to.write("soup\n");
    co_await from->loop().sleep(world->choose_delay(std::chrono::milliseconds(100)));
  }
  promise<void> for_ever;
  co_await for_ever.get_deferred();
}

void run_restaurant(simulation& world, waiting wait) {
  kitchen in;
  host& office = world.add_host("office");
  host& cooking = world.add_host("kitchen");
  host& guest = world.add_host("guest");
  office.run(run_office);
  world.settle();
  cooking.run([&](host& here) { return cook(&here, office.endpoint(2), wait, &in); });
  world.settle();
  guest.run([&](host& here) { return order_meals(&world, &here, cooking.endpoint(1)); });
  world.run_until([&] { return in.cooked == 3; }, "three meals are cooked");
  for (host* each : {&office, &cooking, &guest}) {
    each->crash();
  }
}

TEST(LostWakeUp, IsFoundUnderSomeSeed) {
  const auto seen = explore({.count = 10'000}, [](simulation& world) { run_restaurant(world, wait_carelessly); });
  ASSERT_TRUE(seen.failed_seed);
  EXPECT_GT(seen.runs, 1U) << "some orders hide it";
  EXPECT_THAT(seen.report, HasSubstr("deadlock"));
  EXPECT_THAT(seen.report, HasSubstr("wait_carelessly"));
  RecordProperty("seed", std::to_string(*seen.failed_seed));
}

TEST(LostWakeUp, IsNotInTheCarefulProgram) {
  EXPECT_TRUE(every_seed_passes({.count = WHORL_SANITIZED ? 1'000 : 10'000},
                                [](simulation& world) { run_restaurant(world, wait_carefully); }));
}

}  // namespace
}  // namespace whorl::testing
