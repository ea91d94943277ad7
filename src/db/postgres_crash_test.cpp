// A thousand clients on sixteen connections, the server killed and started again among them, and a backend killed: every
// transaction is reported committed, failed or unknown, as it was, and nobody waits for ever.
//
// WHORL_CRASH_SECONDS=60 makes it last a minute; it is five seconds otherwise.
#include <whorl/db/database.h>
#include <whorl/db/postgres.h>
#include <whorl/deferred/gather.h>
#include <whorl/places/defer_to_thread.h>
#include <whorl/reactor/within.h>

#include "db/postgres_server.h"
#include "places/test_loop.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace whorl::db {
namespace {

using namespace std::chrono_literals;

constexpr int clients = 1000;
constexpr std::size_t connections = 16;

std::chrono::milliseconds whole_time() {
  const char* const asked = std::getenv("WHORL_CRASH_SECONDS");
  return asked == nullptr ? 5s : std::chrono::seconds(std::atoi(asked));
}

// What each transaction was reported to have come to, by its number.
struct ledger {
  std::set<std::int64_t> committed;
  std::set<std::int64_t> failed;
  std::set<std::int64_t> unknown;
  std::map<std::string, int> reasons;
  std::int64_t begun = 0;
  bool closing = false;
};

deferred<void> enter(connection& own, std::int64_t number) {
  co_await own.query("INSERT INTO ledger VALUES ($1)", number);
  co_await own.query("UPDATE counters SET entries = entries + 1 WHERE i = $1", number % 1000);
}

deferred<void> be_a_client(database* store, ledger* book) {
  while (!book->closing) {
    const std::int64_t number = ++book->begun;
    auto how = co_await store->transact(enter, number).result();
    if (how) {
      book->committed.insert(number);
      continue;
    }
    const bool unknown = how.error().code() == make_error_code(failed::outcome_unknown);
    (unknown ? book->unknown : book->failed).insert(number);
    ++book->reasons[how.error().code().message()];
  }
}

void stop_in_thread(may_block& /*wait*/, postgres_server* server, int signal) { server->stop(signal); }

deferred<void> make_trouble(reactor* loop, database* store, postgres_server* server, ledger* book) {
  const duration part = whole_time() / 5;
  co_await loop->sleep(part);
  co_await store->query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' AND "
      "pid <> pg_backend_pid() LIMIT 1");
  co_await loop->sleep(part);
  auto in_order = defer_to_thread(stop_in_thread, unchecked(server, "only this coroutine uses it"), SIGINT);
  co_await std::move(in_order);
  server->start();
  co_await loop->sleep(part);
  auto at_once = defer_to_thread(stop_in_thread, unchecked(server, "only this coroutine uses it"), SIGQUIT);
  co_await std::move(at_once);
  server->start();
  co_await loop->sleep(2 * part);
  book->closing = true;
}

std::set<std::int64_t> entries(test_loop& loop, database& store) {
  std::set<std::int64_t> found;
  const rows all = loop.run(store.query("SELECT i FROM ledger"));
  for (const row& each : all) {
    found.insert(each[0].integer());
  }
  return found;
}

TEST(PostgresCrash, EveryTransactionIsReportedAsItWasAndNoneHangs) {
  postgres_server server;
  test_loop loop(whole_time());
  database store(loop.get(), postgres(server.by_socket()), {.most_connections = connections});
  loop.run(store.query("CREATE TABLE ledger (i bigint PRIMARY KEY)"));
  loop.run(store.query("CREATE TABLE counters (i bigint PRIMARY KEY, entries bigint)"));
  loop.run(store.query("INSERT INTO counters SELECT i, 0 FROM generate_series(0, 999) AS i"));

  ledger book;
  auto trouble = make_trouble(&loop.get(), &store, &server, &book);
  std::vector<deferred<void>> all;
  for (int i = 0; i < clients; ++i) {
    all.push_back(be_a_client(&store, &book));
  }
  loop.run(within(loop.get(), std::move(trouble), whole_time() + 50s));
  loop.run(within(loop.get(), gather(std::move(all)), 50s));

  const std::set<std::int64_t> found = entries(loop, store);
  for (const std::int64_t number : book.committed) {
    EXPECT_TRUE(found.contains(number)) << number << " was reported committed and is lost";
  }
  for (const std::int64_t number : book.failed) {
    EXPECT_FALSE(found.contains(number)) << number << " was reported failed and is there";
  }
  EXPECT_EQ(book.committed.size() + book.failed.size() + book.unknown.size(), static_cast<std::size_t>(book.begun));
  EXPECT_GT(book.committed.size(), 1000U);
  EXPECT_GT(book.failed.size() + book.unknown.size(), 0U);
  const std::int64_t counted = loop.run(store.query("SELECT sum(entries)::bigint FROM counters"))[0][0].integer();
  EXPECT_EQ(counted, static_cast<std::int64_t>(found.size()));

  const database_statistics seen = store.statistics();
  std::cout << book.begun << " transactions: " << book.committed.size() << " committed, " << book.failed.size()
            << " failed, " << book.unknown.size() << " unknown; connections opened " << seen.opened << ", dropped "
            << seen.dropped << ", attempts that failed " << seen.failed_attempts << '\n';
  for (const auto& [reason, count] : book.reasons) {
    std::cout << count << " times: " << reason << '\n';
  }
  loop.run(store.close());
}

}  // namespace
}  // namespace whorl::db
