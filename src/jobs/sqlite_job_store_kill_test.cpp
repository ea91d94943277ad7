// A job that was accepted is never lost: a child process works on a store and says through a pipe what was answered to
// it; it is killed at a random moment, and what it said must be true of the file. WHORL_SEED=N repeats the moments.
#include <whorl/db/sqlite_connection.h>

#include "jobs/job_store_under_test.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <map>
#include <random>
#include <set>

namespace whorl {
namespace {

using namespace std::chrono_literals;
using testing::temporary_folder;
using testing::wait_for;

// What the child was answered.
struct report {
  enum class what : std::int32_t { accepted, leased, done };
  what happened;
  std::int32_t attempt;
  std::int64_t job;
};

void tell(int pipe, report happened) {
  if (::write(pipe, &happened, sizeof happened) != sizeof happened) {
    ::_exit(1);
  }
}

// One of several that work on the store side by side until the process is killed.
deferred<int> work(job_store& store, int pipe) {
  for (;;) {
    std::vector<job_request> requests;
    requests.push_back({.calc = "c", .arguments = "{}"});
    auto accepted = co_await store.enqueue(std::move(requests));
    tell(pipe, {report::what::accepted, 0, static_cast<std::int64_t>(accepted.at(0).value().id)});

    lease_jobs wanted{.worker = "w", .most = 1, .lasting = 1h, .calcs = {"c"}};
    auto leased = co_await store.lease(std::move(wanted));
    if (leased.empty()) {
      continue;
    }
    const attempt_id attempt = leased[0].current();
    tell(pipe, {report::what::leased, attempt.number, static_cast<std::int64_t>(attempt.job)});

    std::vector<attempt_end> ends;
    ends.push_back(attempt_end::done(attempt, std::to_string(attempt.number)));
    co_await store.end(std::move(ends));
    tell(pipe, {report::what::done, attempt.number, static_cast<std::int64_t>(attempt.job)});
  }
}

[[noreturn]] void work_until_killed(const std::string& file, int pipe) {
  reactor loop;
  auto store = wait_for(loop, open_sqlite_job_store({.path = file, .limits = {.crashes = 1000}}));
  wait_for(loop, store->recover("w"));
  std::vector<deferred<int>> workers;
  for (int i = 0; i < 8; ++i) {
    workers.push_back(work(*store, pipe));
  }
  wait_for(loop, std::move(workers[0]));
  ::_exit(1);
}

// What all children together were answered.
struct witnessed {
  std::set<std::int64_t> accepted;
  std::map<std::int64_t, int> leased;  // the highest attempt
  std::map<std::int64_t, int> done;    // the attempt

  void hear(const report& told) {
    switch (told.happened) {
      case report::what::accepted: accepted.insert(told.job); break;
      case report::what::leased: leased[told.job] = std::max(leased[told.job], told.attempt); break;
      case report::what::done:
        EXPECT_TRUE(done.emplace(told.job, told.attempt).second) << "job " << told.job << " was done twice";
        break;
    }
  }
};

// Starts a child, hears so many reports, kills it, and hears what was still in the pipe.
void run_and_kill(const std::string& file, int reports, witnessed& seen) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(ends[0]);
    try {
      work_until_killed(file, ends[1]);
    } catch (const std::exception& why) {
      std::fprintf(stderr, "the child failed: %s\n", why.what());
      ::_exit(1);
    }
  }
  ::close(ends[1]);
  report told{};
  for (int i = 0; ::read(ends[0], &told, sizeof told) == sizeof told; ++i) {
    seen.hear(told);
    if (i == reports) {
      ::kill(child, SIGKILL);
    }
  }
  ::close(ends[0]);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << "the child ended by itself";
}

void expect_all_in(const std::string& file, const witnessed& seen) {
  may_block::on_this_thread([&](may_block& wait) {
    sqlite_connection db(wait, file);
    sqlite_statement check = db.prepare(wait, "PRAGMA integrity_check");
    {
      sqlite_rows sound = check.query(wait);
      ASSERT_TRUE(sound.next());
      ASSERT_EQ(sound.text(0), "ok");
    }
    std::map<std::int64_t, std::pair<std::string, int>> kept;
    std::map<std::int64_t, std::string> results;
    sqlite_statement all =
        db.prepare(wait, "SELECT id, state, attempt, result FROM jobs JOIN job_arguments ON job = id");
    for (auto rows = all.query(wait); rows.next();) {
      kept[rows.integer(0)] = {rows.text(1), static_cast<int>(rows.integer(2))};
      results[rows.integer(0)] = rows.text(3);
    }
    for (const std::int64_t job : seen.accepted) {
      EXPECT_TRUE(kept.contains(job)) << "job " << job << " was accepted and is lost";
    }
    for (const auto& [job, attempt] : seen.leased) {
      EXPECT_GE(kept[job].second, attempt) << "job " << job << " forgot an attempt";
    }
    for (const auto& [job, attempt] : seen.done) {
      EXPECT_EQ(kept[job].first, "done") << "job " << job;
      EXPECT_EQ(results[job], std::to_string(attempt)) << "job " << job;
    }
  });
}

TEST(SqliteJobStoreKilled, KeepsEveryWordThatItGave) {
  const char* asked = std::getenv("WHORL_SEED");
  const unsigned long seed = asked != nullptr ? std::strtoul(asked, nullptr, 10) : std::random_device()();
  SCOPED_TRACE("WHORL_SEED=" + std::to_string(seed));
  std::mt19937 random(seed);
  const temporary_folder folder;
  const std::string file = folder.file("jobs.db");
  witnessed seen;
  for (int round = 1; round <= 50 && !::testing::Test::HasFailure(); ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    run_and_kill(file, std::uniform_int_distribution(0, 120)(random), seen);
    expect_all_in(file, seen);
  }
  EXPECT_GT(seen.done.size(), 100U);
}

}  // namespace
}  // namespace whorl
