#include <whorl/db/sqlite_connection.h>
#include <whorl/db/sqlite_schema.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace whorl {
namespace {

using testing::HasSubstr;

class SqliteConnection : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "whorl-sqlite-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string file() const { return folder_ / "test.db"; }

  template <class F>
  static auto blocking(F f) {
    return may_block::on_this_thread(f);
  }

  // The error that f fails with.
  template <class F>
  static error error_of(F f) {
    try {
      blocking(f);
    } catch (const error& why) {
      return why;
    }
    ADD_FAILURE() << "it should have failed";
    return errc::exception;
  }

  std::filesystem::path folder_;
};

TEST_F(SqliteConnection, GivesBackWhatWasBoundNullAndTextWithZeroBytesIncluded) {
  blocking([](may_block& wait) {
    sqlite_connection db(wait, ":memory:");
    db.execute(wait, "CREATE TABLE t (i, d, s, n)");
    const std::string text("a\0b", 3);
    db.prepare(wait, "INSERT INTO t VALUES (?, ?, ?, ?)")
        .run(wait, std::int64_t{1} << 60, 0.5, text, std::optional<double>());
    sqlite_statement select = db.prepare(wait, "SELECT i, d, s, n FROM t");
    sqlite_rows rows = select.query(wait);
    ASSERT_TRUE(rows.next());
    EXPECT_EQ(rows.integer(0), std::int64_t{1} << 60);
    EXPECT_EQ(rows.real(1), 0.5);
    EXPECT_EQ(rows.text(2), text);
    EXPECT_TRUE(rows.null(3));
    EXPECT_FALSE(rows.next());
  });
}

TEST_F(SqliteConnection, EmptyTextIsNotNull) {
  blocking([](may_block& wait) {
    sqlite_connection db(wait, ":memory:");
    sqlite_statement select = db.prepare(wait, "SELECT ?");
    sqlite_rows rows = select.query(wait, std::string_view());
    ASSERT_TRUE(rows.next());
    EXPECT_FALSE(rows.null(0));
  });
}

TEST_F(SqliteConnection, AStatementMayBeUsedAgainWhenItsRowsAreGone) {
  blocking([](may_block& wait) {
    sqlite_connection db(wait, ":memory:");
    sqlite_statement select = db.prepare(wait, "SELECT ?1 UNION ALL SELECT ?1 + 1");
    {
      EXPECT_TRUE(select.query(wait, 1).next());
    }
    sqlite_rows rows = select.query(wait, 7);
    ASSERT_TRUE(rows.next());
    EXPECT_EQ(rows.integer(0), 7);
  });
}

TEST_F(SqliteConnection, RunSaysHowManyRowsChanged) {
  blocking([](may_block& wait) {
    sqlite_connection db(wait, ":memory:");
    db.execute(wait, "CREATE TABLE t (i); INSERT INTO t VALUES (1), (2), (3)");
    EXPECT_EQ(db.prepare(wait, "DELETE FROM t WHERE i > ?").run(wait, 1), 2);
  });
}

TEST_F(SqliteConnection, AnErrorNamesTheFileAndSaysWhatToDo) {
  const std::string path = folder_ / "missing" / "x.db";
  const error why = error_of([&](may_block& wait) { sqlite_connection db(wait, path); });
  EXPECT_EQ(why.code().category(), sqlite_category());
  EXPECT_THAT(why.message(), HasSubstr(path));
  EXPECT_THAT(why.message(), HasSubstr("folder exists"));
}

TEST_F(SqliteConnection, AFullDatabaseIsNoSpaceOnTheDevice) {
  const error why = error_of([](may_block& wait) {
    sqlite_connection db(wait, ":memory:");
    db.execute(wait, "CREATE TABLE t (s); PRAGMA max_page_count = 3; INSERT INTO t VALUES (zeroblob(100000))");
  });
  EXPECT_EQ(why.code(), std::errc::no_space_on_device);
  EXPECT_THAT(why.message(), HasSubstr("free some space"));
}

TEST_F(SqliteConnection, AStrangersFileIsNoDatabase) {
  std::ofstream(file()) << std::string(5000, 'x');
  const error why = error_of([&](may_block& wait) {
    sqlite_connection db(wait, file());
    db.take_exclusively(wait);
  });
  EXPECT_THAT(why.message(), HasSubstr("choose another name"));
}

TEST_F(SqliteConnection, ATransactionThatIsNotCommittedIsTakenBack) {
  blocking([](may_block& wait) {
    sqlite_connection db(wait, ":memory:");
    db.execute(wait, "CREATE TABLE t (i)");
    {
      sqlite_transaction outer(wait, db);
      db.execute(wait, "INSERT INTO t VALUES (1)");
      {
        sqlite_transaction inner(wait, db);
        db.execute(wait, "INSERT INTO t VALUES (2)");
      }
      outer.commit();
    }
    {
      sqlite_transaction forgotten(wait, db);
      db.execute(wait, "INSERT INTO t VALUES (3)");
    }
    EXPECT_FALSE(db.in_transaction());
    EXPECT_EQ(db.integer(wait, "SELECT group_concat(i) FROM t"), 1);
  });
}

TEST_F(SqliteConnection, ASecondConnectionInThisProcessIsToldSo) {
  blocking([&](may_block& wait) {
    sqlite_connection first(wait, file());
    first.take_exclusively(wait);
    first.log_ahead(wait);
    first.execute(wait, "CREATE TABLE t (i)");
    const error why = error_of([&](may_block& again) {
      sqlite_connection second(again, file());
      second.execute(again, "PRAGMA busy_timeout = 0");
      second.take_exclusively(again);
    });
    EXPECT_TRUE(why.is(errc::conflict)) << why.message();
    EXPECT_THAT(why.message(), HasSubstr("in use by this process itself"));
    first.execute(wait, "INSERT INTO t VALUES (1)");
  });
}

// A child process that has the file for itself until its standard input ends.
class holder {
 public:
  explicit holder(const std::string& path) {
    std::array<int, 2> ready{};
    std::array<int, 2> end{};
    EXPECT_EQ(::pipe(ready.data()), 0);
    EXPECT_EQ(::pipe(end.data()), 0);
    child_ = ::fork();
    if (child_ == 0) {
      ::close(end[1]);
      may_block::on_this_thread([&](may_block& wait) {
        sqlite_connection db(wait, path);
        db.take_exclusively(wait);
        db.log_ahead(wait);
        char byte = 'r';
        if (::write(ready[1], &byte, 1) == 1) {
          (void)::read(end[0], &byte, 1);
        }
      });
      ::_exit(0);
    }
    ::close(ready[1]);
    ::close(end[0]);
    char byte = 0;
    EXPECT_EQ(::read(ready[0], &byte, 1), 1);
    ::close(ready[0]);
    end_ = end[1];
  }
  holder(const holder&) = delete;
  holder& operator=(const holder&) = delete;
  ~holder() {
    ::close(end_);
    ::waitpid(child_, nullptr, 0);
  }
  pid_t process() const { return child_; }

 private:
  pid_t child_ = 0;
  int end_ = -1;
};

TEST_F(SqliteConnection, WhoTakesAFileThatAnotherProcessHasIsToldWhichOne) {
  const holder other(file());
  const error why = error_of([&](may_block& wait) {
    sqlite_connection db(wait, file());
    db.execute(wait, "PRAGMA busy_timeout = 0");
    db.take_exclusively(wait);
  });
  EXPECT_TRUE(why.is(errc::conflict)) << why.message();
  EXPECT_THAT(why.message(), HasSubstr("in use by process " + std::to_string(other.process()) + " ("));
  EXPECT_THAT(why.message(), HasSubstr("stop that one"));
}

TEST_F(SqliteConnection, TheFileIsFreeWhenItsHolderIsGone) {
  {
    const holder other(file());
  }
  blocking([&](may_block& wait) {
    sqlite_connection db(wait, file());
    db.take_exclusively(wait);
    db.log_ahead(wait);
    EXPECT_EQ(db.integer(wait, "PRAGMA synchronous"), 2);
  });
}

constexpr std::array two_steps = {"CREATE TABLE t (i); INSERT INTO t VALUES (1)", "UPDATE t SET i = i + 1"};
constexpr std::array broken_step = {two_steps[0], two_steps[1],
                                    "INSERT INTO t VALUES (5); INSERT INTO nowhere VALUES (1)"};

using SqliteSchema = SqliteConnection;

TEST_F(SqliteSchema, RunsTheMigrationsThatTheFileLacksOnce) {
  const sqlite_schema older{.what = "test store", .application_id = 77, .migrations = std::span(two_steps).first(1)};
  const sqlite_schema newer{.what = "test store", .application_id = 77, .migrations = two_steps};
  blocking([&](may_block& wait) {
    sqlite_connection db(wait, file());
    migrate(wait, db, older);
    migrate(wait, db, newer);
    migrate(wait, db, newer);
    EXPECT_EQ(db.integer(wait, "SELECT i FROM t"), 2);
  });
}

TEST_F(SqliteSchema, RefusesAFileFromANewerProgram) {
  const sqlite_schema newer{.what = "test store", .application_id = 77, .migrations = two_steps};
  const sqlite_schema older{.what = "test store", .application_id = 77, .migrations = std::span(two_steps).first(1)};
  const error why = error_of([&](may_block& wait) {
    sqlite_connection db(wait, file());
    migrate(wait, db, newer);
    migrate(wait, db, older);
  });
  EXPECT_TRUE(why.is(errc::unsupported));
  EXPECT_THAT(why.message(), HasSubstr("is a test store of version 2, made by a newer program"));
}

TEST_F(SqliteSchema, RefusesTheDatabaseOfAnotherApplicationAndLeavesItAlone) {
  const sqlite_schema schema{.what = "test store", .application_id = 77, .migrations = two_steps};
  blocking([&](may_block& wait) { sqlite_connection(wait, file()).execute(wait, "CREATE TABLE theirs (i)"); });
  const error why = error_of([&](may_block& wait) {
    sqlite_connection db(wait, file());
    migrate(wait, db, schema);
  });
  EXPECT_TRUE(why.is(errc::bad_input));
  EXPECT_THAT(why.message(), HasSubstr("is no test store"));
  blocking([&](may_block& wait) {
    sqlite_connection db(wait, file());
    EXPECT_EQ(db.integer(wait, "PRAGMA application_id"), 0);
    EXPECT_EQ(db.integer(wait, "SELECT count(*) FROM sqlite_schema"), 1);
  });
}

TEST_F(SqliteSchema, AMigrationThatFailsChangesNothing) {
  const sqlite_schema good{.what = "test store", .application_id = 77, .migrations = two_steps};
  const sqlite_schema broken{.what = "test store", .application_id = 77, .migrations = broken_step};
  blocking([&](may_block& wait) {
    sqlite_connection db(wait, file());
    migrate(wait, db, good);
    EXPECT_THROW(migrate(wait, db, broken), error);
    EXPECT_EQ(db.integer(wait, "SELECT count(*) FROM t"), 1);
    EXPECT_EQ(db.integer(wait, "PRAGMA user_version"), 2);
  });
}

}  // namespace
}  // namespace whorl
