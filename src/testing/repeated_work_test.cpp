// A planted bug: a retry does its work twice. A client that gets no confirmation asks again, and cannot know whether the
// request was lost or the confirmation was. The careful server knows its requests by name, also after a restart.

#include <whorl/deferred/platform.h>
#include <whorl/net/endpoint.h>
#include <whorl/reactor/within.h>
#include <whorl/testing/checks.h>

#include <gmock/gmock.h>

#include <set>
#include <string>
#include <utility>

namespace whorl::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

// What the bank keeps on its disk.
struct account {
  int balance = 0;
  std::set<std::string> done;
};

using paying_in = void (*)(account&, const std::string&);

void pay_in_each_time(account& to, const std::string& /*request*/) { to.balance += 100; }

void pay_in_once(account& to, const std::string& request) {
  if (to.done.insert(request).second) {
    to.balance += 100;
  }
}

deferred<void> serve_client(stream client, account* of, paying_in pay_in) {
  for (;;) {
    auto request = co_await client.read_until("\n");
    pay_in(*of, request);
    co_await client.write("done\n");
  }
}

deferred<void> run_bank(host* here, account* of, paying_in pay_in) {
  auto listening =
      listen_streams(here->loop(), "tcp:1", [=](stream client) { return serve_client(std::move(client), of, pay_in); });
  auto port = co_await std::move(listening);
  promise<void> for_ever;
  co_await for_ever.get_deferred();
}

deferred<void> request_once(reactor* loop, std::string bank, std::string request) {
  auto connection = co_await connect(*loop, bank);
  co_await connection.write(request);
  co_await connection.read_until("\n");
}

deferred<void> pay_in_surely(host* from, std::string bank, std::string request) {
  for (;;) {
    auto trying = within(from->loop(), request_once(&from->loop(), bank, request), 1s);
    auto confirmed = co_await std::move(trying).result();
    if (confirmed) {
      co_return;
    }
    co_await from->loop().sleep(10ms);
  }
}

void run_payments(simulation& world, paying_in pay_in) {
  world.set_faults({.most_delay = 5ms, .reset_chance = 0.02});
  account kept;
  host& bank = world.add_host("bank");
  host& customer = world.add_host("customer");
  bank.run([&](host& here) { return run_bank(&here, &kept, pay_in); });
  world.settle();
  world.after(world.choose_delay(50ms), [&] { bank.restart(); });
  for (const std::string request : {"monday\n", "tuesday\n", "friday\n"}) {
    world.run(pay_in_surely(&customer, bank.endpoint(1), request));
  }
  EXPECT_EQ(kept.balance, 300);
  bank.crash();
}

TEST(RepeatedWork, IsFoundUnderSomeSeed) {
  const auto seen =
      explore({.count = 10'000}, with_expectations([](simulation& world) { run_payments(world, pay_in_each_time); }));
  ASSERT_TRUE(seen.failed_seed);
  EXPECT_GT(seen.runs, 1U) << "some orders hide it";
  EXPECT_THAT(seen.report, HasSubstr("kept.balance"));
  RecordProperty("seed", std::to_string(*seen.failed_seed));
}

TEST(RepeatedWork, IsNotInTheCarefulProgram) {
  EXPECT_TRUE(every_seed_passes({.count = WHORL_SANITIZED ? 1'000 : 10'000},
                                [](simulation& world) { run_payments(world, pay_in_once); }));
}

}  // namespace
}  // namespace whorl::testing
