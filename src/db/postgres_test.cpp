#include <whorl/db/database.h>
#include <whorl/db/postgres.h>
#include <whorl/deferred/event.h>
#include <whorl/reactor/within.h>

#include "db/postgres_server.h"
#include "places/test_loop.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace whorl::db {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

class Postgres : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    test_loop loop;
    database store(loop.get(), postgres(shared_postgres_server().by_socket()));
    loop.run(store.query("CREATE TABLE t (i bigint UNIQUE DEFERRABLE, s text)"));
    loop.run(store.close());
  }

  ~Postgres() override {
    loop.run(store.query("TRUNCATE t"));
    loop.run(store.close());
  }

  std::int64_t count() { return loop.run(store.query("SELECT count(*) FROM t"))[0][0].integer(); }

  // Ends the server's side of a connection.
  void kill_backend(std::int64_t process) { loop.run(store.query("SELECT pg_terminate_backend($1, 5000)", process)); }
  std::int64_t backend_of(connection& own) { return loop.run(own.query("SELECT pg_backend_pid()"))[0][0].integer(); }

  postgres_server& server = shared_postgres_server();
  test_loop loop;
  database store{loop.get(), postgres(server.by_socket()), {.most_connections = 3}};
};

TEST_F(Postgres, GivesBackEveryKindOfValue) {
  const blob bytes{std::byte{0}, std::byte{255}};
  const rows back = loop.run(
      store.query("SELECT $1::bigint AS i, $2::float8 AS r, $3::text AS s, $4::text AS n, $5::bytea AS b, true AS t, "
                  "'-Infinity'::float8 AS e, 1.50::numeric AS d",
                  std::int64_t{1} << 60, 0.1, "text", std::nullopt, bytes));
  ASSERT_EQ(back.size(), 1);
  EXPECT_EQ(back[0]["i"].integer(), std::int64_t{1} << 60);
  EXPECT_EQ(back[0]["r"].real(), 0.1);
  EXPECT_EQ(back[0]["s"].text(), "text");
  EXPECT_TRUE(back[0]["n"].is_null());
  EXPECT_EQ(back[0]["b"].bytes(), bytes);
  EXPECT_EQ(back[0]["t"].integer(), 1);
  EXPECT_LT(back[0]["e"].real(), -1e300);
  EXPECT_EQ(back[0]["d"].text(), "1.50");
}

TEST_F(Postgres, AnErrorHasItsStateItsWordsAndTheStatement) {
  const failure why = loop.run_to_failure(store.query("SELECT * FROM nowhere"));
  EXPECT_EQ(sqlstate(why.error()), "42P01");
  EXPECT_THAT(why.error().message(), HasSubstr("relation \"nowhere\" does not exist"));
  EXPECT_THAT(why.error().message(), HasSubstr("the statement was: SELECT * FROM nowhere"));
  EXPECT_EQ(loop.run(store.query("SELECT 1"))[0][0].integer(), 1);
}

TEST_F(Postgres, StatementsThatAreNotAwaitedAreSentBehindOneAnotherAndFailAlone) {
  auto own = loop.run(store.connect());
  auto first = own.query("SELECT $1::int AS i", 1);
  auto wrong = own.query("SELECT nothing");
  auto wrong_again = own.query("SELECT nothing");
  auto third = own.query("SELECT $1::int AS i", 3);
  EXPECT_EQ(loop.run(std::move(third))[0][0].integer(), 3);
  EXPECT_EQ(loop.run(std::move(first))[0][0].integer(), 1);
  EXPECT_EQ(sqlstate(loop.run_to_failure(std::move(wrong)).error()), "42703");
  EXPECT_EQ(sqlstate(loop.run_to_failure(std::move(wrong_again)).error()), "42703");
}

TEST_F(Postgres, AStatementIsPreparedOnce) {
  auto own = loop.run(store.connect());
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(loop.run(own.query("SELECT $1::int + 1", i))[0][0].integer(), i + 1);
  }
  const auto prepared = loop.run(
      own.query("SELECT generic_plans + custom_plans FROM pg_prepared_statements WHERE statement LIKE $1", "%+ 1"));
  ASSERT_EQ(prepared.size(), 1);
  EXPECT_EQ(prepared[0][0].integer(), 3);
}

TEST_F(Postgres, AStatementWhoseTableChangedFailsOnceAndIsPreparedAnew) {
  auto own = loop.run(store.connect());
  loop.run(own.query("CREATE TEMP TABLE changing (a int)"));
  loop.run(own.query("SELECT * FROM changing"));
  loop.run(own.query("ALTER TABLE changing ADD b int"));
  EXPECT_EQ(sqlstate(loop.run_to_failure(own.query("SELECT * FROM changing")).error()), "0A000");
  EXPECT_TRUE(loop.run(own.query("SELECT * FROM changing")).empty());
}

TEST_F(Postgres, SaysHowManyRowsChanged) {
  EXPECT_EQ(loop.run(store.query("INSERT INTO t VALUES (1, 'a'), (2, 'b') RETURNING i")).changed, 2);
  EXPECT_EQ(loop.run(store.query("SELECT * FROM t")).changed, 0);
}

TEST_F(Postgres, ATextWithAZeroByteIsRefused) {
  EXPECT_THAT(loop.run_to_failure(store.query("SELECT $1", std::string("a\0b", 3))).error().message(),
              HasSubstr("a zero byte"));
}

deferred<int> insert_two(connection& own, int first) {
  co_await own.query("INSERT INTO t VALUES ($1)", first);
  co_await own.query("INSERT INTO t VALUES ($1)", first + 1);
  co_return first;
}

deferred<void> insert_and_throw(connection& own) {
  co_await own.query("INSERT INTO t VALUES (1)");
  throw std::range_error("thought better of it");
}

TEST_F(Postgres, S120_CommitsIfTheInteractionReturnsAndRollsBackIfItThrows) {
  EXPECT_EQ(loop.run(store.transact(insert_two, 7)), 7);
  EXPECT_THROW(loop.run(store.transact(insert_and_throw)), std::range_error);
  EXPECT_EQ(count(), 2);
}

deferred<void> swallow_a_failure(connection& own) {
  co_await own.query("INSERT INTO t VALUES (1)");
  [[maybe_unused]] auto swallowed = co_await own.query("SELECT 1 / 0").result();
}

TEST_F(Postgres, S120_ACommitThatTheServerTurnsIntoARollbackIsAFailure) {
  EXPECT_TRUE(loop.run_to_failure(store.transact(swallow_a_failure)).check(failed::not_committed));
  EXPECT_EQ(count(), 0);
}

deferred<void> insert_twice_the_same_deferred(connection& own) {
  co_await own.query("SET CONSTRAINTS ALL DEFERRED");
  co_await own.query("INSERT INTO t VALUES (1)");
  co_await own.query("INSERT INTO t VALUES (1)");
}

TEST_F(Postgres, S120_ACommitThatFailsIsReported) {
  EXPECT_EQ(sqlstate(loop.run_to_failure(store.transact(insert_twice_the_same_deferred)).error()), "23505");
  EXPECT_EQ(count(), 0);
}

deferred<void> kill_itself(connection& own) {
  co_await own.query("INSERT INTO t VALUES (1)");
  co_await own.query("SELECT pg_terminate_backend(pg_backend_pid())");
}

TEST_F(Postgres, S120_ATransactionThatLosesItsConnectionWasRolledBack) {
  const failure why = loop.run_to_failure(store.transact(kill_itself));
  EXPECT_TRUE(why.check(errc::connection_lost)) << why.describe();
  EXPECT_THAT(why.error().message(), HasSubstr("the transaction was rolled back"));
  EXPECT_EQ(count(), 0);
}

TEST_F(Postgres, AStatementOutsideATransactionThatLosesItsConnectionHasAnUnknownOutcome) {
  const failure why = loop.run_to_failure(store.query("SELECT pg_terminate_backend(pg_backend_pid())"));
  EXPECT_TRUE(why.check(failed::outcome_unknown)) << why.describe();
}

deferred<void> insert_and_kill_at_commit(connection& own) {
  co_await own.query(
      "CREATE OR REPLACE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS "
      "'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END'");
  co_await own.query("CREATE TEMP TABLE deadly (i int)");
  co_await own.query(
      "CREATE CONSTRAINT TRIGGER deadly AFTER INSERT ON deadly INITIALLY DEFERRED FOR EACH ROW EXECUTE "
      "FUNCTION die()");
  co_await own.query("INSERT INTO deadly VALUES (1)");
}

TEST_F(Postgres, S120_ACommitThatLosesItsConnectionHasAnUnknownOutcome) {
  const failure why = loop.run_to_failure(store.transact(insert_and_kill_at_commit));
  EXPECT_TRUE(why.check(failed::outcome_unknown)) << why.describe();
  EXPECT_THAT(why.error().message(), HasSubstr("\"COMMIT\""));
}

deferred<void> sleep_long(connection& own) {
  co_await own.query("INSERT INTO t VALUES (1)");
  co_await own.query("SELECT pg_sleep(600)");
}

TEST_F(Postgres, S120_ATransactionThatIsCancelledIsRolledBackOnAConnectionThatServesOn) {
  const failure why = loop.run_to_failure(within(loop.get(), store.transact(sleep_long), 100ms));
  EXPECT_TRUE(why.check(errc::timed_out)) << why.describe();
  EXPECT_EQ(count(), 0);
  EXPECT_EQ(store.statistics().dropped, 0);
}

// Also while it connects, begins, or sends its first statement.
TEST_F(Postgres, S120_ATransactionMayBeCancelledAtAnyMoment) {
  for (int limit = 0; limit < 40; ++limit) {
    database fresh(loop.get(), postgres(server.by_socket()), {.most_connections = 1});
    const failure why =
        loop.run_to_failure(within(loop.get(), fresh.transact(sleep_long), std::chrono::microseconds(limit * 500)));
    EXPECT_TRUE(why.check(errc::timed_out)) << why.describe();
  }
  EXPECT_EQ(count(), 0);
}

TEST_F(Postgres, AStatementThatIsDroppedIsStoppedInTheServer) {
  {
    auto own = loop.run(store.connect());
    auto dropped = own.query("SELECT pg_sleep(600)");
  }
  const auto sleeping = [&] {
    return loop
        .run(store.query("SELECT 1 FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%' AND state = 'active'"))
        .size();
  };
  while (sleeping() > 0) {
  }
  EXPECT_EQ(count(), 0);
}

TEST_F(Postgres, CancellingOneOfTwoLeavesTheOther) {
  auto own = loop.run(store.connect());
  auto first = own.query("SELECT pg_sleep(0.1)");
  auto second = own.query("SELECT pg_sleep(600)");
  second.cancel();
  loop.run(std::move(first));
  EXPECT_TRUE(loop.run_to_failure(std::move(second)).check(errc::cancelled));
}

TEST_F(Postgres, AStreamReadsNoMoreThanIsTaken) {
  auto numbers = loop.run(store.stream("SELECT i, repeat('x', 1000) FROM generate_series(1, 100000) AS i"));
  std::int64_t sum = 0;
  for (int taken = 0; taken < 2000; ++taken) {
    const auto next = loop.run(numbers.next());
    ASSERT_TRUE(next);
    sum += (*next)["i"].integer();
  }
  EXPECT_EQ(sum, 2'001'000);
  // 98 MB of it are still in the server, which waits.
  const auto waiting = [&] {
    return loop.run(
        store.query("SELECT wait_event FROM pg_stat_activity WHERE query LIKE '%repeat%' AND pid <> "
                    "pg_backend_pid()"))[0][0];
  };
  while (waiting() != value("ClientWrite")) {
  }
}

TEST_F(Postgres, AStreamThatLetsItsReaderWaitTooLongEndsAndItsConnectionServesOn) {
  database hasty(loop.get(), postgres(server.by_socket()), {.most_connections = 1, .longest_statement = 100ms});
  {
    auto sleeping = loop.run(hasty.stream("SELECT pg_sleep(600)"));
    EXPECT_TRUE(loop.run_to_failure(sleeping.next()).check(errc::timed_out));
  }
  loop.run(hasty.query("SELECT 1"));
  loop.run(hasty.close());
}

TEST_F(Postgres, AStreamYieldsAllRowsAndThenTheError) {
  auto quotients = loop.run(store.stream("SELECT 100 / (3000 - i) FROM generate_series(1, 4000) AS i"));
  int rows_seen = 0;
  const auto take_all = [&] {
    while (loop.run(quotients.next())) {
      ++rows_seen;
    }
  };
  EXPECT_THROW(take_all(), error);
  EXPECT_GT(rows_seen, 1000);
}

TEST_F(Postgres, AConnectionThatDiedIdleIsNotLentAgain) {
  auto victim = loop.run(store.connect());
  const std::int64_t process = backend_of(victim);
  auto killer = loop.run(store.connect());
  {
    const auto given_back = std::move(victim);
  }
  loop.run(killer.query("SELECT pg_terminate_backend($1, 5000)", process));
  auto next = loop.run(store.connect());
  EXPECT_NE(backend_of(next), process);
}

TEST_F(Postgres, AnIdleConnectionIsAskedWhetherItLives) {
  database careful(loop.get(), postgres(server.by_socket()), {.trusted_idle = 0s});
  loop.run(careful.query("SELECT 1"));
  loop.run(careful.query("SELECT 1"));
  EXPECT_EQ(careful.statistics().opened, 1);
  loop.run(careful.close());
}

TEST_F(Postgres, ANameIsLookedUp) {
  database local(loop.get(), postgres(server.by_name()), {});
  EXPECT_EQ(loop.run(local.query("SELECT 1"))[0][0].integer(), 1);
  loop.run(local.close());
}

TEST_F(Postgres, AConninfoThatCannotBeReadFailsAtOnce) {
  database wrong(loop.get(), postgres("nonsense"));
  const failure why = loop.run_to_failure(wrong.query("SELECT 1"));
  EXPECT_TRUE(why.check(errc::bad_input));
  EXPECT_THAT(why.error().message(), HasSubstr("postgresql://"));
}

TEST_F(Postgres, ADatabaseThatIsNotThereFailsAtOnceWithTheServersWords) {
  database wrong(loop.get(),
                 postgres("dbname=nowhere user=whorl port=" + server.port() + " host=" + server.folder().string()));
  const failure why = loop.run_to_failure(wrong.query("SELECT 1"));
  EXPECT_EQ(sqlstate(why.error()), "3D000");
  EXPECT_THAT(why.error().message(), HasSubstr("database \"nowhere\" does not exist"));
}

TEST_F(Postgres, WhoWaitsForAServerThatIsNotThereIsToldWhatItSaid) {
  database nobody(loop.get(), postgres("host=127.0.0.1 port=1"), {.longest_wait = 150ms});
  const failure why = loop.run_to_failure(nobody.query("SELECT 1"));
  EXPECT_TRUE(why.check(errc::timed_out));
  EXPECT_THAT(why.error().message(), HasSubstr("Connection refused"));
  EXPECT_GE(nobody.statistics().failed_attempts, 2);
}

}  // namespace
}  // namespace whorl::db
