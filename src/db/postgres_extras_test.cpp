#include <whorl/db/database.h>
#include <whorl/db/postgres.h>
#include <whorl/db/postgres_copy.h>
#include <whorl/db/postgres_listener.h>
#include <whorl/db/sqlite.h>

#include "db/postgres_server.h"
#include "places/test_loop.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <utility>

namespace whorl::db {
namespace {

using ::testing::HasSubstr;

class PostgresExtras : public ::testing::Test {
 protected:
  PostgresExtras() { loop.run(own.query("CREATE TEMP TABLE copied (i bigint, s text)")); }

  std::int64_t count() { return loop.run(own.query("SELECT count(*) FROM copied"))[0][0].integer(); }

  postgres_server& server = shared_postgres_server();
  test_loop loop;
  database store{loop.get(), postgres(server.by_socket())};
  connection own = loop.run(store.connect());
};

using PostgresListener = PostgresExtras;
using PostgresCopy = PostgresExtras;

TEST_F(PostgresListener, HearsWhatIsSentOnItsChannels) {
  postgres_listener news(loop.get(), server.by_socket(), {"orders", "odd \"name\""});
  loop.run(news.listening());
  loop.run(own.query("SELECT pg_notify('orders', $1)", "17"));
  loop.run(own.query("SELECT pg_notify('other', 'unheard')"));
  loop.run(own.query("SELECT pg_notify('odd \"name\"', 'too')"));
  const auto first = loop.run(news.next());
  ASSERT_TRUE(first);
  EXPECT_EQ(first->channel, "orders");
  EXPECT_EQ(first->payload, "17");
  EXPECT_EQ(loop.run(news.next())->payload, "too");
}

TEST_F(PostgresListener, SaysWhenItMayHaveMissedSomethingAndListensAgain) {
  postgres_listener news(loop.get(), server.by_socket(), {"orders"});
  loop.run(news.listening());
  loop.run(own.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'"));
  EXPECT_FALSE(loop.run(news.next()));
  loop.run(own.query("NOTIFY orders, 'again'"));
  EXPECT_EQ(loop.run(news.next())->payload, "again");
}

TEST_F(PostgresListener, FailsWhereWaitingDoesNotHelp) {
  postgres_listener news(loop.get(), "nonsense", {"orders"});
  EXPECT_TRUE(loop.run_to_failure(news.next()).check(errc::bad_input));
}

TEST_F(PostgresCopy, MovesManyRowsInAndOut) {
  auto filling = loop.run(start_copy_in(own, "COPY copied FROM STDIN"));
  for (int row = 0; row < 20'000; ++row) {
    loop.run(filling.write(std::to_string(row) + "\tsome text that makes it longer than any buffer is\n"));
  }
  EXPECT_EQ(loop.run(filling.finish()), 20'000);
  auto reading = loop.run(start_copy_out(own, "COPY (SELECT i FROM copied ORDER BY i) TO STDOUT"));
  std::int64_t sum = 0;
  for (auto line = loop.run(reading.next()); line; line = loop.run(reading.next())) {
    sum += std::stoll(*line);
  }
  EXPECT_EQ(sum, 199'990'000);
  EXPECT_EQ(count(), 20'000);
}

TEST_F(PostgresCopy, ARowThatIsWrongFailsTheCopyAndLeavesTheConnection) {
  auto filling = loop.run(start_copy_in(own, "COPY copied FROM STDIN"));
  loop.run(filling.write("1\tright\nwrong\n"));
  EXPECT_EQ(sqlstate(loop.run_to_failure(filling.finish()).error()), "22P02");
  EXPECT_EQ(count(), 0);
}

TEST_F(PostgresCopy, AStatementThatIsWrongFailsAndLeavesTheConnection) {
  EXPECT_EQ(sqlstate(loop.run_to_failure(start_copy_in(own, "COPY nowhere FROM STDIN")).error()), "42P01");
  EXPECT_EQ(count(), 0);
}

TEST_F(PostgresCopy, NothingElseGoesOnMeanwhile) {
  auto filling = loop.run(start_copy_in(own, "COPY copied FROM STDIN"));
  EXPECT_TRUE(loop.run_to_failure(own.query("SELECT 1")).check(errc::conflict));
  loop.run(filling.finish());
}

deferred<void> copy_and_fail(connection& inside) {
  auto filling = co_await start_copy_in(inside, "COPY copied FROM STDIN");
  co_await filling.write("1\tone\n");
  co_await filling.finish();
  throw std::range_error("thought better of it");
}

TEST_F(PostgresCopy, S120_IsRolledBackWithItsTransaction) {
  EXPECT_THROW(loop.run(own.transact(copy_and_fail)), std::range_error);
  EXPECT_EQ(count(), 0);
}

TEST_F(PostgresCopy, OneThatIsDroppedWasNotDone) {
  loop.run(store.query("CREATE TABLE kept (i bigint)"));
  {
    auto filling = loop.run(start_copy_in(own, "COPY kept FROM STDIN"));
    loop.run(filling.write("1\n"));
  }
  EXPECT_TRUE(loop.run_to_failure(own.query("SELECT 1")).check(errc::connection_lost));
  EXPECT_EQ(loop.run(store.query("SELECT count(*) FROM kept"))[0][0].integer(), 0);
}

TEST_F(PostgresCopy, IsRefusedToAnotherKindOfDatabase) {
  database other(loop.get(), sqlite(":memory:"));
  auto not_postgres = loop.run(other.connect());
  EXPECT_THROW(loop.run(start_copy_in(not_postgres, "COPY t FROM STDIN")), misuse);
}

}  // namespace
}  // namespace whorl::db
