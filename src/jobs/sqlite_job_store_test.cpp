// What the SQLite store does beyond what every store does: it lasts, it has its file for itself, and it goes on after
// errors of the disk.
#include <whorl/db/sqlite_connection.h>
#include <whorl/guard/waiting_call.h>

#include "jobs/job_store_under_test.h"
#include "jobs/sqlite_jobs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <fstream>

namespace whorl {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using testing::engine;
using ::testing::HasSubstr;
using testing::store_under_test;
using testing::temporary_folder;
using testing::test_clock;

class SqliteJobStore : public ::testing::Test {
 protected:
  // What another program does to the file while the store is closed.
  void meddle(const char* statements) {
    store.close();
    may_block::on_this_thread(
        [&](may_block& wait) { sqlite_connection(wait, store.file()).execute(wait, statements); });
    store.open();
  }

  void expect_sound() {
    store.close();
    may_block::on_this_thread([&](may_block& wait) {
      sqlite_connection db(wait, store.file());
      sqlite_statement check = db.prepare(wait, "PRAGMA integrity_check");
      sqlite_rows rows = check.query(wait);
      ASSERT_TRUE(rows.next());
      EXPECT_EQ(rows.text(0), "ok");
      EXPECT_EQ(db.integer(wait, "SELECT count(*) FROM jobs WHERE id NOT IN (SELECT job FROM job_arguments)"), 0);
      EXPECT_EQ(db.integer(wait, "SELECT count(*) FROM job_arguments WHERE job NOT IN (SELECT id FROM jobs)"), 0);
    });
  }

  store_under_test store{engine::sqlite};
};

const job_request any{.calc = "c", .arguments = "{}"};

TEST_F(SqliteJobStore, R15_KeepsEverythingWhenItIsClosed) {
  store.get(store->enqueue({any, any, {.calc = "c", .arguments = "{}", .idempotency_key = "k", .delay = 1h}, any}));
  const job running = store.lease().at(0);
  store.get(store->progress({{.attempt = running.current(), .progress = 0.5, .note = "half \u20ac"}}));
  store.end(attempt_end::done(store.lease().at(0).current(), "1", "2.csv"));
  const auto counts = store.count();
  std::vector<job> before;
  for (int id = 1; id <= 4; ++id) {
    before.push_back(store.find(job_id{id}));
  }

  store.reopen();

  for (const job& one : before) {
    EXPECT_EQ(store.find(one.id), one);
  }
  EXPECT_EQ(store.count().in_state, counts.in_state);
  EXPECT_EQ(store.count().delayed, 1);
  EXPECT_EQ(store.try_enqueue({.calc = "c", .arguments = "{}", .idempotency_key = "k"})->as,
            enqueued_job::how::repeated);
  EXPECT_EQ(store.enqueue(any), job_id{5});
  EXPECT_EQ(store.end(attempt_end::done(running.current(), "1")), standing::current);
}

TEST_F(SqliteJobStore, DeletesArgumentsTogetherWithTheirJob) {
  store.end(attempt_end::done(store.start().current(), "1"));
  ASSERT_EQ(store.get(store->sweep({.keep_most = 0})).deleted, 1U);
  expect_sound();
}

TEST_F(SqliteJobStore, OneCommitServesAllThatWasAskedForMeanwhile) {
  int commits = 0;
  store->on_change([&](const auto&) { ++commits; });
  std::vector<deferred<std::vector<result<enqueued_job>>>> asked;
  for (int i = 0; i < 200; ++i) {
    asked.push_back(store->enqueue({any}));
  }
  EXPECT_EQ(store->waiting(), 200U);
  EXPECT_EQ(store.get(std::move(asked.back())).at(0)->id, job_id{200});
  EXPECT_LE(commits, 2);
}

TEST_F(SqliteJobStore, AnOperationThatFailsHalfwayIsTakenBackAndTheOthersOfItsGroupAreDone) {
  meddle(
      "CREATE TRIGGER bad BEFORE INSERT ON job_arguments WHEN new.arguments = 'bad' "
      "BEGIN SELECT RAISE(ABORT, 'bad luck'); END");
  auto first = store->enqueue({any});
  auto good = store->enqueue({any});
  auto bad = store->enqueue({any, {.calc = "c", .arguments = "bad"}});
  auto better = store->enqueue({any});
  const error why = store.error_of(std::move(bad));
  EXPECT_THAT(why.message(), HasSubstr("bad luck"));
  EXPECT_EQ(store.get(std::move(good)).at(0)->id, job_id{2});
  EXPECT_EQ(store.get(std::move(better)).size(), 1U);
  EXPECT_EQ(store.count().of(job_state::queued), 3);
  EXPECT_EQ(store.get(store->list({})).jobs.size(), 3U);
  expect_sound();
}

TEST_F(SqliteJobStore, WhenATransactionIsLostItsWholeGroupFailsAndTheNextIsDone) {
  meddle(
      "CREATE TRIGGER bad BEFORE INSERT ON job_arguments WHEN new.arguments = 'bad' "
      "BEGIN SELECT RAISE(ROLLBACK, 'very bad luck'); END");
  store.enqueue(any);
  auto alone = store->count();  // keeps the lane busy, so that the next three share a commit
  auto good = store->enqueue({any});
  auto bad = store->enqueue({{.calc = "c", .arguments = "bad"}});
  auto better = store->enqueue({any});
  EXPECT_THAT(store.error_of(std::move(good)).message(), HasSubstr("very bad luck"));
  EXPECT_THAT(store.error_of(std::move(bad)).message(), HasSubstr("very bad luck"));
  EXPECT_THAT(store.error_of(std::move(better)).message(), HasSubstr("very bad luck"));
  EXPECT_EQ(store.count().of(job_state::queued), 1);
  EXPECT_EQ(store.enqueue(any), job_id{2});
  EXPECT_EQ(store.count().of(job_state::queued), 2);
  expect_sound();
}

// No file of this process may grow beyond its present size, as on a disk that fails or is full. That is set beside other
// threads because it is they that write.
class failing_disk {
 public:
  explicit failing_disk(rlim_t bytes) {
    const unobserved on_purpose;
    handler_ = std::signal(SIGXFSZ, SIG_IGN);
    EXPECT_EQ(::getrlimit(RLIMIT_FSIZE, &before_), 0);
    const rlimit limited{.rlim_cur = bytes, .rlim_max = before_.rlim_max};
    EXPECT_EQ(::setrlimit(RLIMIT_FSIZE, &limited), 0);
  }
  failing_disk(const failing_disk&) = delete;
  failing_disk& operator=(const failing_disk&) = delete;
  ~failing_disk() {
    const unobserved on_purpose;
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  rlimit before_{};
  sighandler_t handler_ = SIG_DFL;
};

TEST_F(SqliteJobStore, GoesOnWhenTheDiskCanBeWrittenAgain) {
  store.enqueue(any);
  {
    const failing_disk disk(std::filesystem::file_size(store.file() + "-wal"));
    const error why = store.error_of(store->enqueue({{.calc = "c", .arguments = std::string(60'000, 'x')}}));
    EXPECT_EQ(why.code(), std::errc::io_error);
    EXPECT_THAT(why.message(), HasSubstr(store.file()));
    EXPECT_THAT(why.message(), HasSubstr("disk"));
    EXPECT_EQ(store.state_of(job_id{1}), job_state::queued) << "reading needs no room";
    EXPECT_EQ(store.count().of(job_state::queued), 1);
  }
  EXPECT_EQ(store.enqueue({.calc = "c", .arguments = std::string(60'000, 'x')}), job_id{2});
  expect_sound();
}

TEST(SqliteJobs, AFullDatabaseRefusesWithWordsAndAcceptsAgainWhenThereIsRoom) {
  const temporary_folder folder;
  may_block::on_this_thread([&](may_block& wait) {
    sqlite_jobs jobs(wait, {.path = folder.file("jobs.db"), .clock = test_clock::now});
    const auto enqueue = [&] {
      std::vector<job_operation> operations;
      operations.emplace_back(enqueue_jobs{.requests = {{.calc = "c", .arguments = std::string(60'000, 'x')}}});
      operations.emplace_back(count_jobs());
      return jobs.run(wait, std::move(operations));
    };
    jobs.database().execute(wait, "PRAGMA max_page_count = 30");
    enqueue();
    std::string refusal;
    try {
      const answered_operations answered = enqueue();
      ASSERT_FALSE(answered.answers.at(0));
      refusal = answered.answers.at(0).error().message();
    } catch (const error& why) {
      refusal = why.message();
    }
    EXPECT_THAT(refusal, HasSubstr("database or disk is full"));
    EXPECT_THAT(refusal, HasSubstr("free some space"));
    jobs.database().execute(wait, "PRAGMA max_page_count = 3000");
    const answered_operations answered = enqueue();
    EXPECT_EQ(std::get<count_jobs::answer>(*answered.answers.at(1)).of(job_state::queued), 2);
  });
}

TEST_F(SqliteJobStore, TwoStoresNeverShareAFile) {
  const error why = store.error_of(open_sqlite_job_store({.path = store.file()}));
  EXPECT_TRUE(why.is(errc::conflict)) << why.message();
  EXPECT_THAT(why.message(), HasSubstr("is in use by this process itself"));
  EXPECT_EQ(store.enqueue(any), job_id{1});
}

TEST_F(SqliteJobStore, AFileOfAnotherApplicationIsRefusedAndLeftAsItIs) {
  const temporary_folder folder;
  const std::string theirs = folder.file("theirs.db");
  may_block::on_this_thread(
      [&](may_block& wait) { sqlite_connection(wait, theirs).execute(wait, "CREATE TABLE mail (subject TEXT)"); });
  const auto bytes = [&] {
    std::ifstream file(theirs);
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  const std::string before = bytes();
  const error why = store.error_of(open_sqlite_job_store({.path = theirs}));
  EXPECT_TRUE(why.is(errc::bad_input));
  EXPECT_THAT(why.message(), HasSubstr("is no whorl job store"));
  EXPECT_EQ(bytes(), before);
}

TEST_F(SqliteJobStore, AFileOfANewerProgramIsRefused) {
  store.close();
  may_block::on_this_thread(
      [&](may_block& wait) { sqlite_connection(wait, store.file()).execute(wait, "PRAGMA user_version = 99"); });
  const error why = store.error_of(open_sqlite_job_store({.path = store.file()}));
  EXPECT_TRUE(why.is(errc::unsupported));
  EXPECT_THAT(why.message(), HasSubstr("version 99, made by a newer program"));
}

TEST_F(SqliteJobStore, AFolderThatDoesNotExistIsNamed) {
  const error why = store.error_of(open_sqlite_job_store({.path = store.file() + ".missing/jobs.db"}));
  EXPECT_THAT(why.message(), HasSubstr(".missing/jobs.db"));
  EXPECT_THAT(why.message(), HasSubstr("see whether its folder exists"));
}

}  // namespace
}  // namespace whorl
