// What whorl gets out of a PostgreSQL server, for bench/database.py, which runs pgbench beside it with the same statements.
//
//     bench_database CONNINFO SECONDS CONNECTIONS one_row|many_rows|transaction
//
// Prints how many were done, how many rows came, and the seconds that it took. As many coroutines as connections, each
// with its own, as pgbench's clients; on one thread.
#include <whorl/db/database.h>
#include <whorl/db/postgres.h>
#include <whorl/deferred/gather.h>
#include <whorl/reactor/run.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

namespace {

using namespace whorl;

constexpr int accounts = 100'000;

struct tally {
  time_point end;
  long done = 0;
  long rows = 0;
};

deferred<void> add_one(db::connection& own, int account) {
  co_await own.query("UPDATE pgbench_accounts SET abalance = abalance + 1 WHERE aid = $1", account);
  co_await own.query("INSERT INTO pgbench_history (aid, delta, mtime) VALUES ($1, 1, CURRENT_TIMESTAMP)", account);
}

deferred<void> work(reactor* loop, db::database* store, std::string kind, tally* sum, unsigned seed) {
  std::minstd_rand random(seed);
  std::uniform_int_distribution<int> any(1, accounts - 1000);
  auto own = co_await store->connect();
  while (loop->now() < sum->end) {
    const int account = any(random);
    if (kind == "transaction") {
      co_await own.transact(add_one, account);
    } else if (kind == "one_row") {
      auto found = co_await own.query("SELECT abalance FROM pgbench_accounts WHERE aid = $1", account);
      sum->rows += static_cast<long>(found.size());
    } else {
      auto found = co_await own.query(
          "SELECT aid, bid, abalance FROM pgbench_accounts WHERE aid BETWEEN $1 AND $1 + 999", account);
      sum->rows += static_cast<long>(found.size());
    }
    ++sum->done;
  }
}

deferred<int> measure(reactor& loop, std::vector<std::string> words) {
  const auto connections = static_cast<std::size_t>(std::stoul(words[2]));
  db::database store(loop, db::postgres(words[0]), {.most_connections = connections});
  const auto began = loop.now();
  tally sum{.end = began + std::chrono::seconds(std::stoi(words[1]))};
  std::vector<deferred<void>> all;
  for (unsigned client = 1; client <= connections; ++client) {
    all.push_back(work(&loop, &store, words[3], &sum, client));
  }
  co_await gather(std::move(all));
  const std::chrono::duration<double> took = loop.now() - began;
  std::printf("%ld %ld %.3f\n", sum.done, sum.rows, took.count());
  co_await store.close();
  co_return 0;
}

}  // namespace

int main(int count, char** words) {
  if (count != 5) {
    std::fprintf(stderr, "usage: bench_database CONNINFO SECONDS CONNECTIONS one_row|many_rows|transaction\n");
    return 2;
  }
  std::vector<std::string> given(words + 1, words + count);
  return whorl::run(measure, std::move(given));
}
