#include <whorl/db/blocking_driver.h>
#include <whorl/db/database.h>
#include <whorl/db/sqlite.h>
#include <whorl/deferred/event.h>
#include <whorl/places/hand_over.h>
#include <whorl/reactor/within.h>

#include "places/gate.h"
#include "places/test_loop.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace whorl::db {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

std::filesystem::path new_folder() {
  std::string name = ::testing::TempDir() + "whorl-database-XXXXXX";
  EXPECT_NE(::mkdtemp(name.data()), nullptr);
  return name;
}

class SqliteDatabase : public ::testing::Test {
 protected:
  SqliteDatabase() { loop.run(store.query("CREATE TABLE t (i INTEGER PRIMARY KEY, s TEXT UNIQUE)")); }
  ~SqliteDatabase() override {
    loop.run(store.close());
    std::filesystem::remove_all(folder);
  }

  std::int64_t count() { return loop.run(store.query("SELECT count(*) FROM t"))[0][0].integer(); }

  const std::filesystem::path folder = new_folder();
  test_loop loop;
  database store{loop.get(), sqlite(folder / "test.db"), {.most_connections = 2, .longest_wait = 1s}};
};

TEST_F(SqliteDatabase, GivesBackEveryKindOfValue) {
  const blob bytes{std::byte{0}, std::byte{255}};
  const rows back = loop.run(store.query("SELECT $1 AS i, $2 AS r, $3 AS s, $4 AS n, $5 AS b, $2 AS again",
                                         std::int64_t{1} << 60, 0.5, "text", std::nullopt, bytes));
  ASSERT_EQ(back.size(), 1);
  EXPECT_EQ(back[0]["i"].integer(), std::int64_t{1} << 60);
  EXPECT_EQ(back[0]["r"].real(), 0.5);
  EXPECT_EQ(back[0]["s"].text(), "text");
  EXPECT_TRUE(back[0]["n"].is_null());
  EXPECT_EQ(back[0]["b"].bytes(), bytes);
  EXPECT_EQ(back[0]["again"].real(), 0.5);
}

TEST_F(SqliteDatabase, AskingForWhatIsNotThereSaysWhatIs) {
  const rows back = loop.run(store.query("SELECT 1 AS one, NULL AS two"));
  const auto message_of = [](auto f) {
    try {
      f();
    } catch (const error& why) {
      return why.message();
    }
    return std::string("it did not fail");
  };
  EXPECT_THAT(message_of([&] { (void)back[0]["three"]; }), HasSubstr("no column \"three\"; its columns are: one, two"));
  EXPECT_THAT(message_of([&] { (void)back[0][0].text(); }), HasSubstr("holds a whole number, and text was asked for"));
  EXPECT_THAT(message_of([&] { (void)back[1]; }), HasSubstr("yielded 1"));
}

TEST_F(SqliteDatabase, SaysHowManyRowsChanged) {
  EXPECT_EQ(loop.run(store.query("INSERT INTO t VALUES (1, 'a'), (2, 'b')")).changed, 2);
  EXPECT_EQ(loop.run(store.query("SELECT * FROM t")).changed, 0);
}

TEST_F(SqliteDatabase, AStatementWithTheWrongNumberOfValuesIsRefused) {
  EXPECT_THAT(loop.run_to_failure(store.query("SELECT $1", 1, 2)).error().message(),
              HasSubstr("has 1 parameters and was given 2 values"));
}

deferred<int> insert_two(connection& own, int first) {
  co_await own.query("INSERT INTO t (i) VALUES ($1)", first);
  co_await own.query("INSERT INTO t (i) VALUES ($1)", first + 1);
  co_return first;
}

deferred<void> insert_and_fail(connection& own) {
  co_await own.query("INSERT INTO t (i) VALUES (1)");
  throw std::range_error("thought better of it");
}

deferred<void> insert_twice_the_same(connection& own) {
  co_await own.query("INSERT INTO t (i) VALUES (1)");
  co_await own.query("INSERT INTO t (i) VALUES (1)");
}

TEST_F(SqliteDatabase, S120_CommitsIfTheInteractionReturns) {
  EXPECT_EQ(loop.run(store.transact(insert_two, 7)), 7);
  EXPECT_EQ(count(), 2);
}

TEST_F(SqliteDatabase, S120_RollsBackIfItThrowsAndThrowsTheSame) {
  EXPECT_THROW(loop.run(store.transact(insert_and_fail)), std::range_error);
  EXPECT_EQ(count(), 0);
}

TEST_F(SqliteDatabase, S120_RollsBackIfAStatementFails) {
  EXPECT_THAT(loop.run_to_failure(store.transact(insert_twice_the_same)).error().message(), HasSubstr("UNIQUE"));
  EXPECT_EQ(count(), 0);
}

deferred<void> insert_and_wait(connection& own, event* for_ever) {
  co_await own.query("INSERT INTO t (i) VALUES (1)");
  co_await for_ever->wait();
}

TEST_F(SqliteDatabase, S120_RollsBackIfTheInteractionIsCancelled) {
  event for_ever;
  auto work = store.transact(insert_and_wait, &for_ever);
  loop.turn_until([&] { return for_ever.waiting() == 1; });
  work.cancel();
  EXPECT_TRUE(loop.run_to_failure(std::move(work)).check(errc::cancelled));
  EXPECT_EQ(count(), 0);
}

TEST_F(SqliteDatabase, ATransactionThatIsDroppedIsRolledBackAndTheConnectionServesOthers) {
  event for_ever;
  {
    auto work = store.transact(insert_and_wait, &for_ever);
    loop.turn_until([&] { return for_ever.waiting() == 1; });
  }
  EXPECT_EQ(loop.run(store.transact(insert_two, 1)), 1);
  EXPECT_EQ(count(), 2);
  EXPECT_LE(store.statistics().opened, 2);
}

TEST_F(SqliteDatabase, TakesAConnectionAlongWhenItsTransactionIsDropped) {
  event for_ever;
  auto own = loop.run(store.connect());
  {
    auto work = own.transact(insert_and_wait, &for_ever);
    loop.turn_until([&] { return for_ever.waiting() == 1; });
  }
  EXPECT_THROW(static_cast<void>(own.query("SELECT 1")), misuse);
}

TEST_F(SqliteDatabase, AConnectionServesOnAfterItsTransactionFailed) {
  auto own = loop.run(store.connect());
  EXPECT_THROW(loop.run(own.transact(insert_and_fail)), std::range_error);
  EXPECT_EQ(loop.run(own.transact(insert_two, 1)), 1);
}

deferred<void> nest(connection& own) { co_await own.transact(insert_two, 1); }

TEST_F(SqliteDatabase, ATransactionInsideAnotherIsRefused) { EXPECT_THROW(loop.run(store.transact(nest)), misuse); }

TEST_F(SqliteDatabase, AStreamYieldsAllRowsSomeAtATime) {
  auto numbers = loop.run(store.stream(
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1) SELECT i FROM n", 1000));
  std::int64_t sum = 0;
  for (;;) {
    const auto next = loop.run(numbers.next());
    if (!next) {
      break;
    }
    sum += (*next)["i"].integer();
  }
  EXPECT_EQ(sum, 500'500);
  EXPECT_FALSE(loop.run(numbers.next()));
}

TEST_F(SqliteDatabase, AStreamThatIsDroppedFreesItsConnection) {
  {
    auto numbers =
        loop.run(store.stream("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n"));
    EXPECT_TRUE(loop.run(numbers.next()));
  }
  EXPECT_EQ(loop.run(store.query("INSERT INTO t (i) VALUES (1)")).changed, 1);
}

TEST_F(SqliteDatabase, AStatementThatIsCancelledIsInterrupted) {
  auto endless = store.query("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n");
  EXPECT_TRUE(loop.run_to_failure(within(loop.get(), std::move(endless), 50ms)).check(errc::timed_out));
  EXPECT_EQ(count(), 0);
}

TEST_F(SqliteDatabase, AStreamThatLetsItsReaderWaitTooLongIsInterrupted) {
  database hasty(loop.get(), sqlite(folder / "test.db"), {.longest_statement = 50ms});
  auto endless = loop.run(
      hasty.stream("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n WHERE i < 0"));
  EXPECT_TRUE(loop.run_to_failure(endless.next()).check(errc::timed_out));
  loop.run(hasty.query("SELECT 1"));
}

TEST_F(SqliteDatabase, WhoFindsNoConnectionFreeInTimeIsToldWhy) {
  auto first = loop.run(store.connect());
  auto second = loop.run(store.connect());
  const failure why = loop.run_to_failure(store.connect());
  EXPECT_TRUE(why.check(errc::timed_out));
  EXPECT_THAT(why.error().message(), HasSubstr("was free within 1000 ms: all 2 are in use"));
}

TEST_F(SqliteDatabase, WhoWaitsGetsTheConnectionThatIsGivenBack) {
  auto first = loop.run(store.connect());
  auto waits = store.connect();
  {
    auto second = std::move(waits);
    auto granted = loop.run(std::move(second));
    auto third = store.connect();
    {
      const auto gone = std::move(granted);
    }
    loop.run(std::move(third));
  }
  EXPECT_EQ(store.statistics().opened, 2);
}

TEST_F(SqliteDatabase, AfterCloseNobodyGetsAConnection) {
  auto lent = loop.run(store.connect());
  auto closing = store.close();
  EXPECT_FALSE(closing.ready());
  EXPECT_TRUE(loop.run_to_failure(store.connect()).check(errc::closed));
  {
    const auto gone = std::move(lent);
  }
  loop.run(std::move(closing));
}

TEST(Database, AFileThatCannotBeOpenedFailsAtOnce) {
  test_loop loop;
  database store(loop.get(), sqlite("/nowhere/test.db"));
  EXPECT_THAT(loop.run_to_failure(store.query("SELECT 1")).error().message(), HasSubstr("folder exists"));
}

// A library that tells which thread it was called on, and can be held up.
class toy_connection final : public blocking_connection {
 public:
  rows run(may_block& /*wait*/, const statement& asked) override {
    const auto use = check_.enter(asked.text.at);
    if (asked.text.text == "hold up") {
      wait_at(held, 0);
    }
    const std::size_t thread = std::hash<std::thread::id>()(std::this_thread::get_id()) >> 1;
    auto names = std::make_shared<const std::vector<std::string>>(1, "thread");
    rows answer;
    answer.all.emplace_back(std::move(names), std::vector<value>{value(thread)});
    return answer;
  }

  static inline gate* held = nullptr;

 private:
  use_check check_;
};

std::unique_ptr<blocking_connection> open_toy(may_block& /*wait*/, std::string /*target*/) {
  return std::make_unique<toy_connection>();
}

std::int64_t thread_of(test_loop& loop, connection& own) { return loop.run(own.query("which thread"))[0][0].integer(); }

TEST(BlockingDriver, WithoutThreadSafetyAllOfAModuleIsOnOneLane) {
  test_loop loop;
  const driver_module toy{.name = "toy 0", .safety = thread_safety::none};
  database one(loop.get(), blocking_driver(toy, open_toy));
  database other(loop.get(), blocking_driver(toy, open_toy));
  auto first = loop.run(one.connect());
  auto second = loop.run(one.connect());
  auto third = loop.run(other.connect());
  const std::int64_t thread = thread_of(loop, first);
  EXPECT_EQ(thread_of(loop, second), thread);
  EXPECT_EQ(thread_of(loop, third), thread);
}

TEST(BlockingDriver, WithThreadSafeModulesEachConnectionHasALane) {
  test_loop loop;
  const driver_module toy{.name = "toy 1", .safety = thread_safety::module};
  database store(loop.get(), blocking_driver(toy, open_toy));
  auto first = loop.run(store.connect());
  auto second = loop.run(store.connect());
  const std::int64_t thread = thread_of(loop, first);
  EXPECT_NE(thread_of(loop, second), thread);
  EXPECT_EQ(thread_of(loop, first), thread);
}

// Two statements on one connection, of which the first is held up; what the second comes to.
result<rows> overlapping_statements(const driver_module& module) {
  test_loop loop;
  gate held;
  toy_connection::held = &held;
  database store(loop.get(), blocking_driver(module, open_toy));
  auto own = loop.run(store.connect());
  auto first = own.query("hold up");
  held.entered.wait();
  auto second = own.query("another");
  if (module.safety < thread_safety::connections) {
    held.opened.count_down();
  }
  loop.turn_until_ready(second);
  auto outcome = std::move(second).take();
  if (module.safety >= thread_safety::connections) {
    held.opened.count_down();
  }
  loop.run(std::move(first));
  if (!outcome) {
    return std::unexpected(outcome.error().error());
  }
  return *std::move(outcome);
}

#ifndef NDEBUG
TEST(BlockingDriver, AConnectionDeclaredSaferThanItIsIsCaughtWithBothPlaces) {
  const auto second = overlapping_statements({.name = "toy 2", .safety = thread_safety::connections});
  ASSERT_FALSE(second);
  const std::string said = second.error().message();
  EXPECT_THAT(said, HasSubstr("used by two threads at once"));
  EXPECT_THAT(said, ::testing::ContainsRegex("database_test.cpp:[0-9]+.*database_test.cpp:[0-9]+"));
}
#endif

TEST(BlockingDriver, AConnectionDeclaredAsItIsTakesItsCallsOneByOne) {
  EXPECT_TRUE(overlapping_statements({.name = "toy 1", .safety = thread_safety::module}));
}

TEST(BlockingDriver, AModuleDeclaredTwiceDifferentlyIsRefused) {
  test_loop loop;
  database one(loop.get(), blocking_driver({.name = "toy x", .safety = thread_safety::module}, open_toy));
  database other(loop.get(), blocking_driver({.name = "toy x", .safety = thread_safety::none}, open_toy));
  loop.run(one.query("q"));
  EXPECT_THAT(loop.run_to_failure(other.query("q")).error().message(), HasSubstr("thread safety 1 and with 0"));
}

// One that fails at whatever it is told to.
class failing_connection final : public blocking_connection {
 public:
  rows run(may_block& /*wait*/, const statement& asked) override {
    if (asked.text.text == failing_at || asked.text.text == "ROLLBACK") {
      throw error(errc::bad_input, "no " + asked.text.text);
    }
    return {};
  }
  static inline std::string failing_at;
};

std::unique_ptr<blocking_connection> open_failing(may_block& /*wait*/, std::string /*target*/) {
  return std::make_unique<failing_connection>();
}

deferred<void> work(connection& own) { co_await own.query("WORK"); }

std::string failure_of_transaction(std::string failing_at) {
  failing_connection::failing_at = std::move(failing_at);
  test_loop loop;
  const driver_module failing{.name = "failing", .safety = thread_safety::module};
  database store(loop.get(), blocking_driver(failing, open_failing));
  return loop.run_to_failure(store.transact(work)).error().message();
}

TEST(Database, S120_ReportsTheOriginalErrorEvenIfRollingBackFailsToo) {
  EXPECT_EQ(failure_of_transaction("WORK"), "no WORK");
  EXPECT_EQ(failure_of_transaction("COMMIT"), "no COMMIT");
}

}  // namespace
}  // namespace whorl::db
